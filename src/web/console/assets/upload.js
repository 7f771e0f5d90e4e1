// A place for one photo: chosen, dropped, pasted or taken, then shown with what was found on it.

import { drawFaces } from './boxes.js';
import { hasCamera, takePhoto } from './camera.js';
import { fill, h, note, svg } from './dom.js';
import { turned, unturned } from './orientation.js';

/** What the server takes. */
const BYTES_MAX = 8 * 1024 * 1024;
const TYPES = 'image/jpeg,image/png,image/webp';

/** The bytes of a photo with the picture that the browser makes of them. */
async function read(file) {
  if (file.size > BYTES_MAX) throw new Error('The photo has more than 8 MiB.');
  const { blob, orientation } = await unturned(file);
  let image = await picture(blob);
  // JPEG and PNG the browser turns as their EXIF says, as the server does.
  if (orientation > 1) {
    const upright = await turned(image, orientation);
    URL.revokeObjectURL(image.src);
    image = await picture(upright);
  }
  return { file, image, width: image.naturalWidth, height: image.naturalHeight };
}

/** What the browser makes of bytes. */
async function picture(blob) {
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
  } catch {
    URL.revokeObjectURL(image.src);
    throw new Error('This is no picture that the browser can show; use JPEG, PNG or WebP.');
  }
  return image;
}

/** A photo of one face alone, cut out of one that shows several. */
export async function cutOut(photo, box) {
  const [w, t] = [box.width * photo.width, box.height * photo.height];
  // As much room around it as detectors and aligners like.
  const [x, y] = [box.left * photo.width - w / 2, box.top * photo.height - t / 2];
  const canvas = h('canvas', { width: Math.round(w * 2), height: Math.round(t * 2) });
  canvas.getContext('2d').drawImage(photo.image, x, y, w * 2, t * 2, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => { canvas.toBlob(resolve, 'image/png'); });
  return read(new File([blob], photo.file.name, { type: blob.type }));
}

/** The input. `onPhoto` is called with each new photo; `signal` ends its listening for pastes. */
export class PhotoInput {
  constructor({ label, onPhoto, signal }) {
    this.photo = null;
    this.onPhoto = onPhoto;
    this.overlay = svg('svg', { class: 'overlay', 'aria-hidden': 'false' });
    this.picker = h('input', {
      type: 'file', accept: TYPES, class: 'unseen', 'aria-label': `${label}: choose a file`,
      onchange: () => this.take(this.picker.files[0]),
    });
    this.stage = h('div', { class: 'stage empty' });
    this.trouble = h('div');
    this.element = h('section', { class: 'photo', 'aria-label': label },
      this.stage,
      h('div', { class: 'actions' },
        h('label', { class: 'button' }, this.picker, 'Choose a file'),
        hasCamera && h('button', { type: 'button', onclick: () => this.snap() }, 'Camera')),
      this.trouble);
    this.#invite();
    this.#listen(signal);
  }

  #invite() {
    fill(this.stage, h('p', {}, h('strong', {}, 'Drop a photo here'), h('br'), 'or paste one, or choose a file.'));
  }

  #listen(signal) {
    const over = (event) => {
      event.preventDefault();
      this.element.classList.toggle('over', event.type === 'dragover');
    };
    this.element.addEventListener('dragover', over);
    this.element.addEventListener('dragleave', over);
    this.element.addEventListener('drop', (event) => {
      over(event);
      this.take(event.dataTransfer.files[0]);
    });
    // Of several places, the one that has the focus, else the first that is empty, takes a paste.
    document.addEventListener('paste', (event) => {
      const file = [...event.clipboardData.files].find((one) => one.type.startsWith('image/'));
      const places = [...document.querySelectorAll('section.photo')];
      const here = places.find((place) => place.contains(document.activeElement))
        ?? places.find((place) => place.querySelector('.stage.empty')) ?? places[0];
      if (file && here === this.element) this.take(file);
    }, { signal });
  }

  async snap() {
    try {
      await this.take(await takePhoto());
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** Shows a photo and tells of it. */
  async take(file) {
    if (!file) return;
    try {
      this.show(await read(file));
    } catch (error) {
      this.#refuse(error);
      return;
    }
    this.onPhoto(this.photo);
  }

  /** Shows a photo that was read before. */
  show(photo) {
    this.photo = photo;
    this.picker.value = '';
    fill(this.trouble);
    photo.image.alt = photo.file.name;
    this.overlay.replaceChildren();
    this.stage.classList.remove('empty');
    fill(this.stage, h('div', { class: 'frame' }, photo.image, this.overlay));
  }

  /** Draws faces on the photo. */
  draw(faces, options) {
    drawFaces(this.overlay, this.photo, faces, options);
  }

  #refuse(error) {
    fill(this.trouble, note('error', error.message));
  }
}
