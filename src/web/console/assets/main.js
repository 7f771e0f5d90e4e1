// The console's frame: log-in, which view the address names, and shortcuts.

import { OWN, call, part } from './api.js';
import { collectionView, collectionsView } from './collections.js';
import { compareView } from './compare.js';
import { announce, busy, dialog, field, fill, h, note } from './dom.js';
import { forgetPoints } from './operating.js';
import { last, photoView } from './photo.js';
import { forgetPictures } from './pictures.js';
import { searchView } from './search.js';
import { session } from './session.js';
import { sqlView } from './sql.js';

const VIEWS = [
  ['collections', 'Collections', (main, life, name) => (name ? collectionView(main, life, name) : collectionsView(main))],
  ['photo', 'Photo', photoView],
  ['search', 'Search', searchView],
  ['compare', 'Compare', compareView],
  ['sql', 'SQL', sqlView],
];

const main = document.getElementById('main');
const views = document.getElementById('views');
const who = document.getElementById('who');

/** Ends what the view before started. */
let life = new AbortController();
/** Why the server did not take the key that was in use; the log-in form says it. */
let refusal = null;

/** A part of the address; as it stands where somebody mistyped what is escaped in it. */
function plain(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address as the name of a view and what it is about. */
function place() {
  const [name, ...about] = location.hash.replace(/^#\//, '').split('/').map(plain);
  return [VIEWS.find(([id]) => id === name) ?? VIEWS[0], about.filter(Boolean)];
}

async function show() {
  life.abort();
  life = new AbortController();
  frame();
  if (!session.about) {
    logIn();
    return;
  }
  refusal = null;
  const [[id, title, view], about] = place();
  document.title = `${about[0] ?? title} · LikenessDB`;
  for (const link of views.children) {
    if (link.hash === `#/${id}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const { signal } = life;
  // A view that comes late, after another was asked for, writes where nobody sees it.
  const stage = fill(main, h('div')).firstChild;
  try {
    await view(stage, { signal }, ...about);
  } catch (error) {
    fill(stage, h('h1', { tabindex: -1 }, title), note('error', error.told ?? error.message));
  }
  stage.querySelector('h1')?.focus({ preventScroll: true });
}

/** The bar at the top: views and whose key it is. */
function frame() {
  views.hidden = !session.about;
  if (!session.about) {
    fill(who, h('a', { href: '/docs' }, 'Docs'));
    return;
  }
  if (views.children.length === 0) {
    fill(views, VIEWS.map(([id, title], at) => h('a', { href: `#/${id}`, 'aria-keyshortcuts': at + 1 }, title)));
  }
  const { name, tenant, role } = session.about;
  fill(who,
    h('span', { class: 'key', title: `Key ${name} of tenant ${tenant}` }, h('span', { class: 'tenant' }, `${tenant} / ${name}`), h('span', { class: `role ${role}` }, role)),
    h('a', { href: '/docs' }, 'Docs'),
    h('button', { type: 'button', class: 'quiet-button', onclick: () => logOut() }, 'Log out'));
}

function logIn() {
  const key = h('input', {
    type: 'password', required: true, autocomplete: 'current-password', spellcheck: 'false', placeholder: 'iksk_live_…',
  });
  const button = h('button', { class: 'primary' }, 'Log in');
  // What kept a good key out may have passed.
  const again = session.key && h('button', { type: 'button', onclick: () => location.reload() }, 'Try the same key again');
  const told = h('div', {}, refusal && note('error', refusal.told ?? refusal.message), again);
  const submit = async (event) => {
    event.preventDefault();
    try {
      const secret = key.value.trim();
      session.keep(secret, await busy(button, () => call('GET', `${OWN}/key`, { key: secret })));
      announce(`Logged in as ${session.about.name} of tenant ${session.about.tenant}`);
      await show();
    } catch (refused) {
      fill(told, note('error', refused.told ?? refused.message));
      key.select();
    }
  };
  document.title = 'Console · LikenessDB';
  fill(main, h('form', { class: 'panel login', onsubmit: submit },
    h('img', { src: '/icon.svg', alt: '', width: 48, height: 48 }),
    h('h1', {}, 'Log in'),
    field('API key', key, 'It is kept for this tab only, and sent to this server only.'),
    button, told,
    h('p', { class: 'quiet' }, 'No key? ', h('code', {}, 'likeness keys create'), ' makes one; ', h('a', { href: '/docs/readme' }, 'the manual'), ' says how.')));
  key.focus();
}

/** Forgets the key; `reason` where the server does not take it any more. */
function logOut(reason = null) {
  refusal = reason;
  session.forget();
  forgetPictures();
  forgetPoints();
  last.photo = null;
  views.replaceChildren();
  // Without the event that a new address brings: the form is shown once.
  history.replaceState(null, '', '#');
  show();
}

async function shortcuts() {
  const keys = [...VIEWS.map(([, title], at) => [String(at + 1), title]),
    ['u', 'Choose a photo'], ['Ctrl + Enter', 'Run the SQL statement'], ['Esc', 'Close a dialog'], ['?', 'This list']];
  await dialog('Shortcuts', (close) => [
    h('dl', { class: 'keys' }, keys.map(([key, what]) => [h('dt', {}, h('kbd', {}, key)), h('dd', {}, what)])),
    h('div', { class: 'actions' }, h('button', { type: 'button', autofocus: true, onclick: () => close('') }, 'Close'))]);
}

document.addEventListener('keydown', (event) => {
  const typing = event.target.closest('input:not([type=radio], [type=checkbox], [type=range], [type=file]), textarea, select, dialog');
  if (!session.about || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const view = VIEWS[Number(event.key) - 1];
  if (view) location.hash = `#/${part(view[0])}`;
  else if (event.key === '?') shortcuts();
  else if (event.key === 'u') document.querySelector('section.photo input[type=file]')?.click();
});
addEventListener('hashchange', show);
addEventListener('key-refused', ({ detail }) => logOut(detail));

// A reload keeps the key, if the server still takes it.
if (session.key) {
  try {
    session.about = await call('GET', `${OWN}/key`);
  } catch (error) {
    refusal = error;
  }
}
show();
