-- What wrk sends for load.py, and what it tells of the answers: one line of JSON.
--
-- The requests come from the environment: METHOD, PATHS (a file, one a line), BODY and TYPE (a file
-- and what is in it), KEY. With one connection a thread, which TIMED=1 promises, the time of each
-- answer is kept by its status; PACE_MS is then the pause before the next request.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } moment;
  int clock_gettime(int clock, moment *now);
]]

local timed = os.getenv("TIMED") == "1"
local pace_ms = tonumber(os.getenv("PACE_MS") or "0")
local moment = ffi.new("moment")
local threads = {}

local function now_us()
  ffi.C.clock_gettime(1, moment)
  return tonumber(moment.seconds) * 1e6 + tonumber(moment.nanoseconds) / 1e3
end

local function content(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read("*a")
  file:close()
  return bytes
end

function setup(thread)
  table.insert(threads, thread)
  thread:set("number", #threads)
end

function init()
  local headers = {}
  if os.getenv("KEY") then headers["Authorization"] = "Bearer " .. os.getenv("KEY") end
  local body = nil
  if os.getenv("BODY") then
    body = content(os.getenv("BODY"))
    headers["Content-Type"] = os.getenv("TYPE")
  end
  requests, next_request = {}, number
  for path in io.lines(os.getenv("PATHS")) do
    table.insert(requests, wrk.format(os.getenv("METHOD"), path, headers, body))
  end
  statuses, times, first = {}, {}, true
  math.randomseed(number)
end

function request()
  next_request = next_request % #requests + 1
  if timed then asked_us = now_us() end
  return requests[next_request]
end

if pace_ms > 0 then
  -- The first pause is any part of a whole one, so that not all ask at the same time.
  function delay()
    local part = first and math.random() or 1
    first = false
    return math.floor(pace_ms * part)
  end
end

if timed then
  function response(status, _, body)
    local code = status >= 400 and body:match('"code":"([%w_]+)"')
    table.insert(statuses, code and status .. " " .. code or tostring(status))
    table.insert(times, math.floor(now_us() - asked_us))
  end
end

local function by_status()
  local found = {}
  for _, thread in ipairs(threads) do
    local times = thread:get("times")
    for at, status in ipairs(thread:get("statuses")) do
      found[status] = found[status] or {}
      table.insert(found[status], times[at])
    end
  end
  local parts = {}
  for status, times in pairs(found) do
    table.insert(parts, string.format('"%s":[%s]', status, table.concat(times, ",")))
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%f,"p50_us":%f,"p99_us":%f,"refused":%d,"broken":%d,"by_status":%s}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout, by_status()))
end
