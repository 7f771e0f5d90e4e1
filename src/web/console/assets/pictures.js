// What faces look like: those that were indexed from this tab, and those of which their collection
// keeps a thumbnail.

import { OWN, fetched, part } from './api.js';
import { crop } from './boxes.js';
import { h, svg } from './dom.js';

/** Requests at the same time: a page of faces must not use up a key's rate. */
const AT_ONCE = 4;

/** Pictures of faces that were indexed from this tab. */
const seen = new Map();
/** Addresses of thumbnails by the paths they came from; none where there is no thumbnail. */
const thumbnails = new Map();
/** Places for thumbnails that came into view and wait for their turn. */
const queue = [];
let running = 0;

/** Remembers what an indexed face looks like, until the tab is closed. */
export function remember(face, photo) {
  if (face.bounding_box) seen.set(face.face_id, crop(photo, face.bounding_box));
}

/** Forgets all pictures: the next who logs in may not be allowed to see them. */
export function forgetPictures() {
  seen.clear();
  thumbnails.forEach((address) => address && URL.revokeObjectURL(address));
  thumbnails.clear();
  queue.length = 0;
}

/** A picture of a face, or a placeholder. `alt` says who it is; `kept` whether its collection keeps thumbnails. */
export function picture(face, { collection, kept, alt }) {
  const known = seen.get(face.face_id);
  if (known) {
    const copy = h('canvas', { width: known.width, height: known.height, role: 'img', 'aria-label': alt });
    copy.getContext('2d').drawImage(known, 0, 0);
    return h('div', { class: 'picture' }, copy);
  }
  const nobody = svg('svg', { viewBox: '0 0 48 48', 'aria-hidden': 'true' },
    svg('circle', { cx: 24, cy: 18, r: 8 }),
    svg('path', { d: 'M8 42c1-9 8-13 16-13s15 4 16 13z' }));
  const place = h('div', { class: 'picture none', title: 'No picture is stored with this face' }, nobody);
  // What came as an embedding has no box, and no thumbnail.
  if (kept && face.bounding_box) {
    const path = `${OWN}/collections/${part(collection)}/faces/${part(face.face_id)}/thumbnail`;
    wanted.set(place, { path, alt });
    inView.observe(place);
  }
  return place;
}

const wanted = new WeakMap();
const inView = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) {
      inView.unobserve(target);
      queue.push(target);
    }
  }
  advance();
});

function advance() {
  while (running < AT_ONCE && queue.length > 0) {
    const place = queue.shift();
    // The view may have changed since.
    if (place.isConnected) show(place);
  }
}

async function show(place) {
  const { path, alt } = wanted.get(place);
  running += 1;
  try {
    if (!thumbnails.has(path)) thumbnails.set(path, await load(path));
    const address = thumbnails.get(path);
    if (address) {
      place.classList.remove('none');
      place.removeAttribute('title');
      place.replaceChildren(h('img', { src: address, alt }));
    }
  } catch {
    // The placeholder stays.
  } finally {
    running -= 1;
    advance();
  }
}

/** The address of a thumbnail; none where the face has none. */
async function load(path) {
  for (;;) {
    try {
      return URL.createObjectURL(await fetched(path));
    } catch (error) {
      if (error.code === 'thumbnail_not_found') return null;
      if (error.code !== 'rate_limited') throw error;
      await new Promise((resolve) => { setTimeout(resolve, Number(error.retryAfter) * 1000); });
    }
  }
}
