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
