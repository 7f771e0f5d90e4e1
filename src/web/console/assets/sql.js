// The view of SQL: one statement with the rights of the key, and its rows.

import { OWN, V2, call } from './api.js';
import { announce, busy, count, counted, fill, h, note } from './dom.js';

/** A name as SQL reads it, whatever it holds. */
export const quoted = (name) => `"${name.replaceAll('"', '""')}"`;

/** Statements to begin with, on a collection that there is. */
const examples = (name) => {
  const table = /^[a-z_][a-z0-9_]*$/.test(name) ? name : quoted(name);
  const literal = name.replaceAll("'", "''");
  return [
    ['Collections', 'SHOW COLLECTIONS'],
    ['Newest faces', `SELECT face_id, external_face_id, external_image_id, created_at\n  FROM ${table} ORDER BY created_at DESC LIMIT 20`],
    ['Search', `SELECT rank, external_face_id, similarity, face_id\n  FROM (SEARCH FACES IN ${table} LIKE 'f_…' THRESHOLD 0.65 LIMIT 10) s\n ORDER BY rank`],
    ['Probable duplicates', `SELECT face_id, other_face_id, similarity\n  FROM similar_faces('${literal}', threshold => 0.65) LIMIT 20`],
  ];
};

/** What was typed last, as long as the tab lives. */
let draft = 'SHOW COLLECTIONS';

/** Puts a statement where it is to be read, and perhaps run, when the view is shown next. */
export function propose(statement) {
  draft = statement;
}

export async function sqlView(main, { signal }) {
  const results = h('section', { class: 'results', 'aria-label': 'Result' });
  const button = h('button', { class: 'primary' }, 'Run');
  const editor = h('textarea', {
    id: 'statement', rows: 7, class: 'mono', spellcheck: 'false', autocapitalize: 'off', value: draft,
    oninput: () => { draft = editor.value; },
    onkeydown: (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        run();
      }
    },
  });
  const run = async () => {
    fill(results, h('p', { class: 'quiet' }, 'Running…'));
    const started = performance.now();
    try {
      const json = { statement: editor.value };
      const answer = await busy(button, () => call('POST', `${OWN}/sql`, { json, signal }));
      fill(results, shown(answer, performance.now() - started));
      announce(`${answer.command}: ${counted(answer.rows.length, 'row')}`);
    } catch (error) {
      if (error.name !== 'AbortError') fill(results, refused(error, editor));
    }
  };
  const example = ([name, text]) => h('button', {
    type: 'button',
    class: 'chip',
    onclick: () => {
      editor.value = draft = text;
      editor.focus();
    },
  }, name);
  const chips = h('div', { class: 'chips' });
  fill(main,
    h('h1', { tabindex: -1 }, 'SQL'),
    h('p', { class: 'lead' }, 'One statement, with the rights of your key. ', h('a', { href: '/docs/sql' }, 'What the dialect has')),
    h('form', { class: 'panel', onsubmit: (event) => { event.preventDefault(); run(); } },
      h('div', { class: 'line' }, h('label', { for: 'statement' }, 'Statement'), chips),
      editor,
      h('div', { class: 'actions' }, button, h('span', { class: 'quiet' }, h('kbd', {}, 'Ctrl'), ' + ', h('kbd', {}, 'Enter')))),
    results);
  const { collections } = await call('GET', `${V2}/collections`, { query: { limit: 1 }, signal });
  fill(chips, examples(collections[0]?.external_id ?? 'users').map(example));
}

function shown(answer, ms) {
  const changed = answer.rows_changed;
  const facts = [answer.command || 'Nothing to run'];
  if (changed !== null) facts.push(`${counted(changed, 'row')} changed`);
  if (answer.columns.length > 0) facts.push(counted(answer.rows.length, 'row'));
  facts.push(`${count(Math.round(ms))} ms`);
  return [
    h('p', { class: 'quiet' }, facts.join(' · ')),
    answer.notices.map((text) => note('warn', text)),
    answer.truncated && note('warn', 'There are more rows than are shown here; add a LIMIT, or use the PostgreSQL wire.'),
    answer.columns.length > 0 && table(answer),
  ];
}

const NUMBERS = new Set(['int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'oid']);

function table({ columns, rows }) {
  const side = columns.map((column) => (NUMBERS.has(column.type) ? 'number' : null));
  const cell = (text, at) => (text === null
    ? h('td', { class: 'null' }, 'NULL') : h('td', { class: side[at], title: text.length > 80 ? text : null }, text));
  return h('div', { class: 'scroll panel', tabindex: 0 },
    h('table', { class: 'grid' },
      h('thead', {}, h('tr', {}, columns.map((column, at) =>
        h('th', { scope: 'col', class: side[at] }, column.name, h('small', {}, column.type))))),
      h('tbody', {}, rows.map((row) => h('tr', {}, row.map(cell))))));
}

/** The error, and the place in the statement that it is about. */
function refused(error, editor) {
  const { sqlstate, hint, explanation, position } = error.detail ?? {};
  if (position) {
    // Positions count characters; those of a text area are UTF-16 units.
    const at = [...editor.value].slice(0, position - 1).join('').length;
    editor.focus();
    editor.setSelectionRange(at, at + (/^\w+|^./s.exec(editor.value.slice(at))?.[0].length ?? 0));
  }
  return note('error',
    h('strong', {}, error.told ?? error.message), sqlstate && h('span', { class: 'mono' }, ` ${sqlstate}`),
    explanation && [h('br'), explanation],
    hint && [h('br'), `Hint: ${hint}`]);
}
