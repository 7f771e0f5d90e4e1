// Faces as cards: what they look like where somebody has a picture, what they are called, how alike
// they are, and what was estimated about them.

import { V2, call, part } from './api.js';
import { announce, busy, confirmed, dialog, fill, h, note } from './dom.js';
import { rateAt, shortRate } from './operating.js';
import { picture } from './pictures.js';
import { session } from './session.js';

/** What to call a face: by its owner's names first. */
export const title = (face) => face.external_face_id ?? face.external_image_id ?? 'Unnamed face';

/** What a picture of a face shows, for those who do not see it. */
const portraitOf = (face) => `Face of ${title(face)}`;

/** A hit or a stored face of a collection that keeps thumbnails or not. `similarity` and what belongs to it only where it was found by a search. */
export function faceCard(face, { collection, kept, threshold, table, onDeleted }) {
  const hit = face.similarity !== undefined;
  const below = hit && face.similarity < threshold;
  const card = h('li', { class: below ? 'card below' : 'card' },
    picture(face, { collection, kept, alt: portraitOf(face) }),
    h('div', { class: 'text' },
      hit && bar(face.similarity, threshold),
      h('h3', {}, title(face)),
      face.external_face_id && face.external_image_id
        && h('p', { class: 'quiet' }, face.external_image_id),
      hit && table.length > 0
        && h('p', { class: 'quiet' }, `${shortRate(rateAt(table, face.similarity))} strangers reach this`),
      h('p', { class: 'id mono' }, face.face_id),
      h('div', { class: 'actions' },
        h('button', {
          type: 'button', onclick: () => details(face, collection, kept), 'aria-label': `Details of ${title(face)}`,
        }, 'Details'),
        h('a', { class: 'button', href: `#/search/${part(collection)}/${face.face_id}` }, 'Find alike'),
        onDeleted && session.writes && h('button', {
          type: 'button', class: 'danger quiet-button', 'aria-label': `Delete ${title(face)}`,
          onclick: async (event) => {
            if (await remove(face, collection, event.target)) onDeleted(card);
          },
        }, 'Delete'))));
  return card;
}

function bar(similarity, threshold) {
  const filled = h('span', { class: 'filled' });
  filled.style.setProperty('--share', similarity);
  const mark = h('span', { class: 'mark' });
  mark.style.setProperty('--at', threshold);
  return h('div', { class: 'similarity' },
    h('strong', {}, similarity.toFixed(3)),
    h('span', { class: 'track', 'aria-hidden': 'true' }, filled, mark));
}

async function remove(face, collection, button) {
  const text = `“${title(face)}” (${face.face_id}) will not be found any more. This cannot be undone.`;
  if (!await confirmed('Delete this face?', text, 'Delete the face')) return false;
  try {
    await busy(button, () => call('DELETE', `${V2}/collections/${part(collection)}/faces/${face.face_id}`));
    announce(`${title(face)} was deleted`);
    return true;
  } catch (error) {
    button.closest('.text').append(note('error', error.told ?? error.message));
    return false;
  }
}

/** All that is known of a stored face, in a dialog. */
async function details(face, collection, kept) {
  const body = h('div', {}, h('p', { class: 'quiet' }, 'Loading…'));
  const load = async () => {
    try {
      const full = await call('GET', `${V2}/collections/${part(collection)}/faces/${face.face_id}`);
      fill(body, h('div', { class: 'detail' }, picture(full, { collection, kept, alt: portraitOf(full) }), h('dl', {},
        entry('Face id', h('span', { class: 'mono' }, full.face_id)),
        entry('External face id', full.external_face_id ?? '–'),
        entry('External image id', full.external_image_id ?? '–'),
        entry('Box', boxText(full.bounding_box)),
        attributeEntries(full.attributes))));
    } catch (error) {
      fill(body, note('error', error.told ?? error.message));
    }
  };
  load();
  await dialog(title(face), (close) => [body,
    h('div', { class: 'actions' }, h('button', { type: 'button', autofocus: true, onclick: () => close('') }, 'Close'))]);
}

const entry = (name, ...value) => [h('dt', {}, name), h('dd', {}, ...value)];

const percent = (share) => `${(share * 100).toFixed(1)} %`;

function boxText(box) {
  if (!box) return 'none: it was enrolled as an embedding';
  return `${percent(box.width)} × ${percent(box.height)} at ${percent(box.left)}, ${percent(box.top)}`;
}

/** Estimates with what they mean for recognition. */
export function attributeEntries(attributes) {
  const { pose, brightness, sharpness, ...others } = attributes ?? {};
  const entries = [];
  if (pose) {
    const turned = Math.max(Math.abs(pose.yaw), Math.abs(pose.pitch)) > 30;
    entries.push(entry('Pose',
      `yaw ${pose.yaw.toFixed(0)}°, pitch ${pose.pitch.toFixed(0)}°, roll ${pose.roll.toFixed(0)}° `,
      h('span', { class: turned ? 'sign warn' : 'sign good' }, turned ? 'turned away' : 'frontal')));
  }
  if (brightness !== undefined) {
    const word = brightness < 0.25 ? 'dark' : brightness > 0.85 ? 'too bright' : 'well lit';
    entries.push(measure('Brightness', brightness, word, word === 'well lit'));
  }
  if (sharpness !== undefined) {
    entries.push(measure('Sharpness', sharpness, sharpness < 0.3 ? 'blurred' : 'sharp', sharpness >= 0.3));
  }
  for (const [name, value] of Object.entries(others)) {
    const text = typeof value === 'object' && value !== null && 'value' in value
      ? `${value.value} (${percent(value.confidence ?? 1)})` : JSON.stringify(value);
    entries.push(entry(name.replaceAll('_', ' '), text));
  }
  return entries;
}

function measure(name, value, word, good) {
  return entry(name, h('meter', { min: 0, max: 1, value, 'aria-label': name }), ` ${value.toFixed(2)} `,
    h('span', { class: good ? 'sign good' : 'sign warn' }, word));
}
