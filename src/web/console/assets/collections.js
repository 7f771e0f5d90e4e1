// The views of all collections and of one: how many faces, and which.

import { V2, allCollections, call, part, reachable } from './api.js';
import { announce, busy, confirmed, count, counted, field, fill, h, note } from './dom.js';
import { faceCard } from './faces.js';
import { session } from './session.js';
import { propose, quoted } from './sql.js';

const PAGE = 48;

const day = (text) => new Date(text).toLocaleDateString('en', { year: 'numeric', month: 'short', day: 'numeric' });

/** A name as people see it: one that is nothing but spaces or dots in quotation marks. */
const visible = (name) => (name.trim() && reachable(name) ? name : `“${name}”`);

/** Why a collection that was made by an earlier version is not shown here, and the way out. */
function unreachable(name) {
  return [`Browsers take the name ${visible(name)} out of every address, so it cannot be opened here. `, session.administers
    ? h('a', { href: '#/sql', onclick: () => propose(`ALTER COLLECTION ${quoted(name)} RENAME TO renamed`) }, 'Rename it in SQL')
    : 'An administrator’s key can rename it in SQL.'];
}

export async function collectionsView(main) {
  const told = h('div');
  const rows = h('tbody');
  const load = async () => {
    const all = await allCollections();
    fill(rows, all.map((one) => row(one, load, told)));
    fill(told, all.length === 0 && note('', session.administers
      ? 'There is no collection yet. Make the first one below.'
      : 'There is no collection yet. An administrator’s key can make one.'));
  };
  fill(main,
    h('h1', { tabindex: -1 }, 'Collections'),
    h('p', { class: 'lead' }, `Everything that tenant ${session.about.tenant} keeps.`),
    h('div', { class: 'panel scroll' },
      h('table', { class: 'list' },
        h('thead', {}, h('tr', {}, ['Name', 'Description'].map((name) => h('th', { scope: 'col' }, name)),
          h('th', { scope: 'col', class: 'number' }, 'Faces'), h('th', { scope: 'col' }, 'Created'),
          h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'Actions')))),
        rows),
      told),
    session.administers && createForm(load));
  await load();
}

function row(one, reload, told) {
  const name = one.external_id;
  const remove = async (event) => {
    const text = `Its ${counted(one.face_count, 'face')} will be deleted with it. This cannot be undone.`;
    if (!await confirmed(`Delete collection ${visible(name)}?`, text, 'Delete the collection', name)) return;
    try {
      await busy(event.target, () => call('DELETE', `${V2}/collections/${part(name)}`));
      await reload();
      announce(`Collection ${name} was deleted`);
    } catch (error) {
      fill(told, note('error', error.told ?? error.message));
    }
  };
  return h('tr', {},
    h('th', { scope: 'row' }, reachable(name) ? h('a', { href: `#/collections/${part(name)}` }, visible(name)) : visible(name)),
    h('td', { class: 'quiet about' }, reachable(name) ? one.description ?? '' : unreachable(name)),
    h('td', { class: 'number', 'data-column': 'Faces' }, count(one.face_count)),
    h('td', { class: 'quiet', 'data-column': 'Created' }, day(one.created_at)),
    h('td', { class: 'actions' },
      reachable(name) && h('a', { class: 'button', href: `#/search/${part(name)}`, 'aria-label': `Search ${visible(name)}` }, 'Search'),
      reachable(name) && session.administers && h('button', {
        type: 'button', class: 'danger quiet-button', onclick: remove, 'aria-label': `Delete ${visible(name)}`,
      }, 'Delete')));
}

function createForm(reload) {
  const name = h('input', { required: true, maxlength: 120, autocomplete: 'off', placeholder: 'users' });
  const description = h('input', { maxlength: 1000, placeholder: 'optional' });
  const thumbnails = h('input', { type: 'checkbox', name: 'thumbnails' });
  const button = h('button', { class: 'primary' }, 'Create');
  const told = h('div');
  const submit = async (event) => {
    event.preventDefault();
    const json = { external_id: name.value, description: description.value || null, thumbnails: thumbnails.checked };
    try {
      await busy(button, () => call('POST', `${V2}/collections`, { json }));
      fill(told);
      event.target.reset();
      await reload();
      announce(`Collection ${json.external_id} was created`);
      name.focus();
    } catch (error) {
      fill(told, note('error', error.told ?? error.message));
    }
  };
  return h('form', { class: 'panel', onsubmit: submit },
    h('h2', {}, 'New collection'),
    h('div', { class: 'pair' }, field('Name', name), field('Description', description)),
    h('label', { class: 'check' }, thumbnails, 'Keep a thumbnail of each face, to be shown here'),
    h('div', { class: 'actions' }, button), told);
}

/** One collection with its faces, a page at a time. */
export async function collectionView(main, { signal }, name) {
  if (!reachable(name)) {
    fill(main, h('h1', { tabindex: -1 }, visible(name)), note('warn', ...unreachable(name)));
    return;
  }
  const path = `${V2}/collections/${part(name)}`;
  const about = await call('GET', path);
  const gallery = h('ol', { class: 'gallery' });
  const told = h('div');
  const more = h('button', { type: 'button', onclick: () => load() }, 'Show more');
  const lead = h('p', { class: 'lead' });
  let cursor;
  const tell = () => {
    fill(lead, `${counted(about.face_count, 'face')}, created ${day(about.created_at)}`,
      about.thumbnails && ', with thumbnails', about.description && `. ${about.description}`);
    fill(told, about.face_count === 0 && note('', 'No faces yet.'));
  };
  const onDeleted = async (card) => {
    const neighbour = card.nextElementSibling ?? card.previousElementSibling;
    card.remove();
    about.face_count = Math.max(about.face_count - 1, 0);
    tell();
    // The focus was on the card; without a new place it would begin again at the top of the page.
    (neighbour?.querySelector('button') ?? main.querySelector('h1')).focus();
    if (!neighbour && cursor) await load();
  };
  const load = async () => {
    const query = { limit: PAGE, cursor };
    const page = await busy(more, () => call('GET', `${path}/faces`, { query, signal }));
    const options = { collection: name, kept: about.thumbnails, onDeleted };
    gallery.append(...page.faces.map((face) => faceCard(face, options)));
    cursor = page.next_cursor;
    more.hidden = !cursor;
    announce(`${counted(gallery.children.length, 'face')} shown`);
  };
  fill(main,
    h('p', { class: 'crumbs' }, h('a', { href: '#/collections' }, 'Collections'), ' /'),
    h('h1', { tabindex: -1 }, visible(name)), lead,
    h('div', { class: 'actions' },
      h('a', { class: 'button primary', href: `#/search/${part(name)}` }, 'Search'),
      session.writes && h('a', { class: 'button', href: `#/photo/${part(name)}` }, 'Add a photo')),
    told, h('h2', { class: 'unseen' }, 'Faces'), gallery, h('div', { class: 'actions' }, more));
  tell();
  if (about.face_count === 0) {
    more.hidden = true;
    return;
  }
  await load();
}
