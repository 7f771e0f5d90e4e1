// Calls of the server, with the key as a header and never in an address.

import { session } from './session.js';

export const V2 = '/api/v2';
export const OWN = '/api/likeness/v1';

/** Why a call failed, as the server's envelope says it. */
export class CallError extends Error {
  constructor(status, detail, retryAfter) {
    super(detail.message);
    this.status = status;
    this.code = detail.code;
    this.detail = detail;
    this.retryAfter = retryAfter;
  }

  /** What to tell people: the message, and what they can do where the code says it. */
  get told() {
    if (this.code === 'rate_limited') return `Too many requests; try again in ${this.retryAfter} s.`;
    if (this.detail.request_id) return `${this.message} (${this.code}, request ${this.detail.request_id})`;
    return this.message;
  }
}

/** An id as a part of a path. */
export const part = encodeURIComponent;

/** Whether a path can name it: browsers take these two out of paths, escaped or not. */
export const reachable = (name) => name !== '.' && name !== '..';

async function send(method, path, { json, form, query, signal, key = session.key } = {}) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null) url.searchParams.set(name, value);
  }
  const headers = { Authorization: `Bearer ${key}` };
  if (json) headers['Content-Type'] = 'application/json';
  // Headers are bytes: each of those of UTF-8 as a character of its own.
  if (session.purpose) headers['X-Purpose'] = String.fromCharCode(...new TextEncoder().encode(session.purpose));
  let response;
  try {
    response = await fetch(url, { method, headers, body: json ? JSON.stringify(json) : form, signal });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new CallError(0, { code: 'unreachable', message: 'The server cannot be reached.' });
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  const detail = body?.detail ?? { code: 'unknown', message: `The server answered ${response.status}.` };
  const error = new CallError(response.status, detail, response.headers.get('Retry-After'));
  // A key that was revoked ends the session of whoever still uses it.
  if (detail.code === 'invalid_api_key' && key === session.key) {
    dispatchEvent(new CustomEvent('key-refused', { detail: error }));
  }
  throw error;
}

/** Calls the server and reads its JSON; nothing for answers without a body. */
export async function call(method, path, options) {
  const response = await send(method, path, options);
  return response.status === 204 ? null : response.json();
}

/** Gets a file as the browser shows it. */
export async function fetched(path) {
  const response = await send('GET', path);
  return response.blob();
}

/** A form of files and texts, without those that are not given. */
export function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined && value !== null && value !== '') data.append(name, value);
  }
  return data;
}

/** All collections, however many pages they take. */
export async function allCollections() {
  const all = [];
  let cursor;
  do {
    const page = await call('GET', `${V2}/collections`, { query: { limit: 200, cursor } });
    all.push(...page.collections);
    cursor = page.next_cursor;
  } while (cursor);
  return all;
}

/** Those that a path can name. */
export const reachableCollections = async () => (await allCollections()).filter((one) => reachable(one.external_id));
