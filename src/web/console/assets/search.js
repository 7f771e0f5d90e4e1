// The view of a search: a photo or an enrolled face against a collection, and whom it found.

import { V2, call, form, part, reachableCollections } from './api.js';
import { announce, busy, count, counted, field, fill, h, note, purposeField } from './dom.js';
import { faceCard } from './faces.js';
import { Threshold, points } from './operating.js';
import { last } from './photo.js';
import { session } from './session.js';
import { PhotoInput } from './upload.js';

export async function searchView(main, { signal }, name, faceId) {
  const collection = h('select', { required: true });
  const faceInput = h('input', { class: 'mono', placeholder: 'f_…', value: faceId ?? '', spellcheck: 'false' });
  const results = h('section', { class: 'results', 'aria-label': 'Hits' });
  const many = h('input', { type: 'number', min: 1, max: 100, value: 20, required: true });
  const button = h('button', { class: 'primary' }, 'Search');
  const told = h('div');
  const input = new PhotoInput({ label: 'Photo to search with', signal, onPhoto: (photo) => { last.photo = photo; run(); } });
  const loaded = reachableCollections();
  let [byFace, applied, asked] = [Boolean(faceId), null, 0];

  // Raising the threshold needs no new search: it only leaves hits out.
  const threshold = new Threshold({
    value: session.about.default_threshold,
    input: () => applied && show(),
    change: () => applied && threshold.value < applied.threshold && run(),
  });
  const modes = [['photo', 'With a photo'], ['face', 'With an enrolled face']].map(([value, label]) =>
    h('label', {}, h('input', {
      type: 'radio', name: 'mode', value, checked: byFace === (value === 'face'),
      onchange: () => { byFace = value === 'face'; arrange(); },
    }), label));
  const facePart = field('Face id', faceInput, 'Of the same collection; “Find alike” fills it in.');
  const arrange = () => {
    input.element.hidden = byFace;
    facePart.hidden = !byFace;
  };

  const ask = () => {
    const path = `${V2}/collections/${part(collection.value)}`;
    if (byFace) {
      const query = { threshold: threshold.value, max_results: many.value };
      return call('POST', `${path}/search-by-face/${part(faceInput.value.trim())}`, { query, signal });
    }
    const fields = { image: input.photo.file, threshold: threshold.value, max_results: many.value };
    return call('POST', `${path}/search-by-image`, { form: form(fields), signal });
  };
  const run = async () => {
    fill(told);
    // A photo may be chosen before the collections are there.
    const all = await loaded.catch(() => null);
    if (!all || !collection.value) return;
    if (byFace ? !faceInput.value.trim() : !input.photo) {
      fill(told, note('', byFace ? 'Which face? Give its id.' : 'Which photo? Choose, drop or paste one.'));
      return;
    }
    asked += 1;
    const turn = asked;
    try {
      const started = performance.now();
      const [found, table] = [await busy(button, ask), await points()];
      // Another search was asked for meanwhile; its hits are the ones to show.
      if (turn !== asked) return;
      const { thumbnails: kept } = all.find((one) => one.external_id === collection.value);
      applied = { ...found, collection: collection.value, kept, table, ms: performance.now() - started };
      if (!byFace) input.draw([{ bounding_box: found.searched_face }]);
      show();
    } catch (error) {
      if (error.name === 'AbortError' || turn !== asked) return;
      applied = null;
      fill(results, note('error', error.told ?? error.message));
    }
  };
  const show = () => {
    const hits = applied.matches.filter((hit) => hit.similarity >= threshold.value);
    const cut = applied.matches.length === Number(many.value) && hits.length === applied.matches.length;
    const shown = { collection: applied.collection, kept: applied.kept, threshold: threshold.value, table: applied.table };
    fill(results,
      h('h2', {}, hits.length === 0 ? 'Nobody' : counted(hits.length, 'hit')),
      h('p', { class: 'quiet' }, `${cut ? 'the most alike of perhaps more; ' : ''}answered in ${count(Math.round(applied.ms))} ms`),
      hits.length === 0 && note('', `No face of ${applied.collection} reaches ${threshold.value.toFixed(2)}.`),
      h('ol', { class: 'gallery' }, hits.map((hit) => faceCard(hit, shown))));
    announce(hits.length === 0 ? 'No hits' : `${counted(hits.length, 'hit')}, the first at ${hits[0].similarity.toFixed(2)}`);
  };

  fill(main,
    h('h1', { tabindex: -1 }, 'Search'),
    h('p', { class: 'lead' }, 'Find the faces of a collection that look like one face. The search is exact: nothing alike is skipped.'),
    h('form', { class: 'columns narrow', onsubmit: (event) => { event.preventDefault(); run(); } },
      h('div', { class: 'panel side' },
        h('div', { class: 'pair wide-first' }, field('Collection', collection), field('At most', many)),
        h('fieldset', { class: 'modes' }, h('legend', {}, 'Search'), modes),
        input.element, facePart, threshold.element, purposeField(session),
        h('div', { class: 'actions' }, button), told),
      results));
  arrange();
  const all = await loaded;
  fill(collection, all.map((one) => h('option', { value: one.external_id }, `${one.external_id} (${counted(one.face_count, 'face')})`)));
  if (name) collection.value = name;
  const sized = () => threshold.setFaces(all.find((one) => one.external_id === collection.value)?.face_count ?? 0);
  collection.addEventListener('change', () => { sized(); applied = null; fill(results); });
  sized();
  if (all.length === 0) fill(told, note('', 'There is no collection to search yet; ', h('a', { href: '#/collections' }, 'make one'), '.'));
  if (!byFace && last.photo) input.show(last.photo);
  if (byFace || (last.photo && all.length > 0)) await run();
}
