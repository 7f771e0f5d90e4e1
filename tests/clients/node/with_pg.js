"use strict";
// node-postgres: simple and prepared queries, a pool, cursors, COPY, vectors.

const { pipeline } = require("node:stream/promises");
const { Readable } = require("node:stream");
const { Client, Pool } = require("pg");
const copy = require("pg-copy-streams");
const Cursor = require("pg-cursor");
const pgvector = require("pgvector/pg");
const { assert, check, refused, run } = require("./checks");

const INSERT = "INSERT INTO faces (external_face_id, embedding) VALUES ($1, $2)";

/** Runs the work with a connection. */
async function connected(work, options = {}) {
  const client = new Client(options);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

async function clear() {
  await connected((client) => client.query("DELETE FROM faces"));
}

async function names(client) {
  const { rows } = await client.query("SELECT external_face_id AS name FROM faces ORDER BY 1");
  return rows.map((row) => row.name);
}

check("reads values of every type", () =>
  connected(async (client) => {
    const { rows } = await client.query(
      `SELECT true AS bool, 3::int AS int, 9::bigint AS big, 1.5::real AS real, 'x' AS text, NULL AS none,
              '\\x00ff'::bytea AS bytes, '2024-01-02 03:04:05+00'::timestamptz AS moment, ARRAY[1.5, 2.5]::real[] AS list`,
    );
    assert.deepEqual(rows, [
      {
        bool: true,
        int: 3,
        big: "9",
        real: 1.5,
        text: "x",
        none: null,
        bytes: Buffer.from([0, 255]),
        moment: new Date("2024-01-02T03:04:05Z"),
        list: [1.5, 2.5],
      },
    ]);
  }));

check("reads jsonb as objects, and writes them", () =>
  connected(async (client) => {
    const insert = "INSERT INTO faces (metadata, embedding) VALUES ($1, $2) RETURNING metadata";
    const { rows } = await client.query(insert, [{ team: "red" }, [1, 0, 0]]);
    assert.deepEqual(rows, [{ metadata: { team: "red" } }]);
  }));

check("sends parameters of every type", () =>
  connected(async (client) => {
    const sent = [true, 7, "é'\\", Buffer.from([0, 1]), null];
    const { rows } = await client.query({
      text: "SELECT $1::bool, $2::int, $3::text, $4::bytea, $5::text",
      values: sent,
      rowMode: "array",
    });
    assert.deepEqual(rows, [sent]);
  }));

check("inserts with parameters, counts rows, describes fields", () =>
  connected(async (client) => {
    const inserted = await client.query(`${INSERT} RETURNING face_id`, ["ann", [1, 0, 0]]);
    assert.deepEqual([inserted.command, inserted.rowCount], ["INSERT", 1]);
    assert.deepEqual(inserted.fields.map((field) => [field.name, field.dataTypeID]), [["face_id", 25]]);
    assert.equal((await client.query("DELETE FROM faces")).rowCount, 1);
  }));

check("searches with parameters", () =>
  connected(async (client) => {
    await client.query(INSERT, ["ann", [1, 0, 0]]);
    await client.query(INSERT, ["bob", [0, 1, 0]]);
    const search = "SEARCH FACES IN faces EMBEDDING $1 THRESHOLD $2 LIMIT $3";
    const { rows } = await client.query(search, [[0.1, 1, 0], 0.5, 5]);
    assert.deepEqual(rows.map((row) => row.external_face_id), ["bob"]);
  }));

check("reads through a cursor (pg-cursor)", () =>
  connected(async (client) => {
    const cursor = client.query(new Cursor("SELECT n FROM generate_series(1, 1000) AS t(n)"));
    assert.equal((await cursor.read(10)).length, 10);
    assert.equal((await cursor.read(2000)).length, 990);
    await cursor.close();
  }));

check("prepares a statement by name, and runs it again and again", () =>
  connected(async (client) => {
    await client.query(INSERT, ["ann", [1, 0, 0]]);
    const text = "SELECT external_face_id AS name FROM faces WHERE external_face_id = ANY($1)";
    for (const names of [["ann"], ["bob"], ["ann", "bob"]]) {
      const { rows } = await client.query({ name: "by name", text, values: [names] });
      assert.equal(rows.length, names.includes("ann") ? 1 : 0);
    }
  }));

check("sends several statements in one text", () =>
  connected(async (client) => {
    const results = await client.query("SELECT 1 AS n; SELECT 2 AS n; SELECT 3 AS n WHERE false");
    assert.deepEqual(results.map((result) => result.rows), [[{ n: 1 }], [{ n: 2 }], []]);
  }));

check("nests transactions as savepoints", () =>
  connected(async (client) => {
    await client.query("BEGIN");
    await client.query(INSERT, ["ann", [1, 0, 0]]);
    await client.query("SAVEPOINT inner");
    await client.query(INSERT, ["bob", [0, 1, 0]]);
    await refused("22012", client.query("SELECT 1 / 0"));
    await refused("25P02", client.query("SELECT 1"));
    await client.query("ROLLBACK TO inner");
    await client.query("COMMIT");
    assert.deepEqual(await names(client), ["ann"]);
  }));

check("copies in and out (pg-copy-streams)", () =>
  connected(async (client) => {
    const target = client.query(copy.from("COPY faces (external_face_id, embedding) FROM STDIN"));
    await pipeline(Readable.from(["ann\t[1,0,0]\n", "bob\t[0,1,0]\n"]), target);
    assert.equal(target.rowCount, 2);
    const query = "COPY (SELECT external_face_id FROM faces ORDER BY 1) TO STDOUT";
    const written = [];
    for await (const part of client.query(copy.to(query))) {
      written.push(part);
    }
    assert.equal(Buffer.concat(written).toString(), "ann\nbob\n");
  }));

check("reads and writes vectors (pgvector)", () =>
  connected(async (client) => {
    await pgvector.registerTypes(client);
    await client.query(INSERT, ["ann", pgvector.toSql([1, 0, 0])]);
    await client.query(INSERT, ["bob", pgvector.toSql([0, 1, 0])]);
    const nearest = "SELECT external_face_id AS name, embedding FROM faces ORDER BY embedding <=> $1 LIMIT 1";
    const { rows } = await client.query(nearest, [pgvector.toSql([0.1, 0.9, 0])]);
    assert.deepEqual(rows, [{ name: "bob", embedding: [0, 1, 0] }]);
  }));

check("hears notices", () =>
  connected(async (client) => {
    const heard = [];
    client.on("notice", (notice) => heard.push(notice.code));
    await client.query("DROP COLLECTION IF EXISTS nowhere");
    assert.deepEqual(heard, ["00000"]);
  }));

check("ends statements in time", () =>
  connected(
    async (client) => {
      const endless = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b";
      await refused("57014", client.query(endless));
      assert.equal((await client.query("SELECT 1 AS n")).rows[0].n, 1);
    },
    { statement_timeout: 50 },
  ));

check("is told that there is nothing to LISTEN to", () =>
  connected((client) => refused("0A000", client.query("LISTEN faces"))));

check("shares a pool", async () => {
  const pool = new Pool({ max: 4 });
  const numbers = [...Array(20).keys()];
  const results = await Promise.all(numbers.map((number) => pool.query("SELECT $1::int AS n", [number])));
  assert.deepEqual(results.map((result) => result.rows[0].n), numbers);
  await pool.end();
});

check("reports SQLSTATEs, with position", () =>
  connected(async (client) => {
    await refused("42P01", client.query("SELECT * FROM nowhere"));
    const error = await refused("42601", client.query("SELEC 1"));
    assert.equal(error.position, "1");
    await refused("22P02", client.query("SELECT $1::int", ["x"]));
  }));

run(["pg", "pg-cursor", "pg-copy-streams", "pgvector"], clear);
