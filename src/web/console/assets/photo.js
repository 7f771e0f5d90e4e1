// The view of one photo: its faces, what was estimated about them, and adding them to a collection.

import { V2, call, form, part, reachableCollections } from './api.js';
import { faceName } from './boxes.js';
import { announce, busy, counted, field, fill, h, note } from './dom.js';
import { attributeEntries } from './faces.js';
import { remember } from './pictures.js';
import { session } from './session.js';
import { PhotoInput, cutOut } from './upload.js';

/** The photo that was looked at last; searching with it takes no second choosing. */
export const last = { photo: null };

/** Why a face was left out, in words. */
const REASONS = {
  exceeds_max_faces: 'more faces than asked for',
  small_face: 'too small',
  low_sharpness: 'blurred',
  extreme_pose: 'turned away',
  low_brightness: 'too dark',
  low_confidence: 'doubtful',
};

export async function photoView(main, { signal }, into) {
  const faces = h('div', { class: 'found', 'aria-label': 'Faces found' });
  const input = new PhotoInput({ label: 'Photo', signal, onPhoto: (photo) => detect(photo) });
  const index = indexForm(input, into);
  let detected = [];

  const choose = (number) => {
    draw(number);
    faces.querySelectorAll('article').forEach((card, at) => card.classList.toggle('chosen', at === number));
    faces.querySelectorAll('article')[number]?.scrollIntoView({ block: 'nearest' });
    input.overlay.children[number]?.focus();
  };
  const draw = (chosen) => input.draw(detected, { chosen, choose });

  const detect = async (photo) => {
    last.photo = photo;
    fill(faces, h('p', { class: 'quiet' }, 'Looking for faces…'));
    index.element.hidden = true;
    try {
      const body = form({ image: photo.file, attributes: 'all' });
      const found = await busy(null, () => call('POST', `${V2}/faces:detect`, { form: body, signal }));
      // Another photo was chosen meanwhile.
      if (photo !== input.photo) return;
      detected = found.faces;
      draw();
      fill(faces, summary(found), detected.map((face, number) => card(face, number, choose, () => searchWith(photo, face))));
      announce(`${counted(detected.length, 'face')} found`);
      index.element.hidden = detected.length === 0;
      index.setFaces(detected.length);
    } catch (error) {
      if (error.name !== 'AbortError') fill(faces, note('error', error.told ?? error.message));
    }
  };

  fill(main,
    h('h1', { tabindex: -1 }, 'Photo'),
    h('p', { class: 'lead' }, 'See which faces a photo shows, and add them to a collection. Looking stores nothing.'),
    !session.about.reads_images && note('warn', 'This server has no model pack, so it cannot read photos. Its operator can run “likeness models install”.'),
    h('div', { class: 'columns' }, h('div', {}, input.element, index.element), faces));
  if (last.photo) {
    input.show(last.photo);
    await detect(last.photo);
  }
}

function summary(found) {
  const { width, height } = found.image_size;
  if (found.faces.length === 0) return note('', `No face found in ${width} × ${height} pixels.`);
  const order = found.faces.length > 1 ? ', the largest first' : '';
  return h('p', { class: 'quiet' }, `${counted(found.faces.length, 'face')} in ${width} × ${height} pixels${order}`);
}

/** Goes on to a search with one face of the photo. */
async function searchWith(photo, face) {
  last.photo = await cutOut(photo, face.bounding_box);
  location.hash = '#/search';
}

function card(face, number, choose, search) {
  return h('article', { class: 'panel', onclick: () => choose(number) },
    h('h2', {}, faceName(number)),
    h('dl', {}, h('dt', {}, 'Confidence'), h('dd', {}, face.confidence.toFixed(3)), attributeEntries(face.attributes)),
    h('div', { class: 'actions' }, h('button', {
      type: 'button', onclick: search, 'aria-label': `Search with this face: ${faceName(number)}`,
    }, 'Search with this face')));
}

/** The form that adds the photo's faces to a collection. */
function indexForm(input, into) {
  const collection = h('select', { required: true });
  const name = h('input', { maxlength: 255, placeholder: 'user-17' });
  const image = h('input', { maxlength: 255, placeholder: 'optional' });
  const many = h('input', { type: 'number', min: 1, max: 100, value: 1, required: true });
  const filter = h('input', { type: 'checkbox' });
  const button = h('button', { class: 'primary' }, 'Index');
  const told = h('div');
  const submit = async (event) => {
    event.preventDefault();
    // Another photo may be chosen while this one is on its way.
    const { photo } = input;
    const body = form({
      image: photo.file,
      external_face_id: name.value,
      external_image_id: image.value,
      attributes: 'all',
      max_faces: many.value,
      quality_filter: filter.checked ? 'auto' : 'none',
    });
    try {
      const path = `${V2}/collections/${part(collection.value)}/faces`;
      const result = await busy(button, () => call('POST', path, { form: body }));
      result.faces.forEach((face) => remember(face, photo));
      fill(told, outcome(result, collection.value));
      announce(`${counted(result.faces.length, 'face')} indexed into ${collection.value}`);
    } catch (error) {
      fill(told, note('error', error.told ?? error.message));
    }
  };
  const element = h('form', { class: 'panel', onsubmit: submit, hidden: true },
    h('h2', {}, 'Add to a collection'),
    field('Collection', collection),
    h('div', { class: 'pair' },
      field('Your id for the person', name),
      field('Your id for the photo', image)),
    h('div', { class: 'pair' },
      field('At most so many faces', many),
      h('label', { class: 'check' }, filter, 'Leave out faces of poor quality')),
    h('div', { class: 'actions' },
      button,
      h('button', {
        type: 'button',
        onclick: () => { location.hash = `#/search/${collection.value ? part(collection.value) : ''}`; },
      }, 'Search with this photo')),
    told);
  reachableCollections().then((all) => {
    fill(collection, all.map((one) => h('option', { value: one.external_id }, one.external_id)));
    if (into) collection.value = into;
    if (!session.writes) fill(told, note('', 'A read key may look and search, but add no faces.'));
    button.disabled = !session.writes || all.length === 0;
    if (all.length === 0) fill(told, note('', 'There is no collection yet; ', h('a', { href: '#/collections' }, 'make one'), '.'));
  }, (error) => fill(told, note('error', error.told ?? error.message)));
  const setFaces = (number) => { many.value = Math.min(Math.max(number, 1), 100); };
  return { element, setFaces };
}

function outcome(result, collection) {
  const left = result.unindexed_faces.map((face) => face.reasons.map((reason) => REASONS[reason] ?? reason).join(', '));
  const kind = result.faces.length > 0 ? 'good' : 'warn';
  return note(kind,
    `${counted(result.faces.length, 'face')} indexed into `,
    h('a', { href: `#/collections/${part(collection)}` }, collection), '. ',
    left.length > 0 && `${counted(left.length, 'face')} left out: ${left.join('; ')}.`);
}
