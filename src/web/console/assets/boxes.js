// Faces drawn over a photo: boxes that can be chosen, and landmarks.

import { h, svg } from './dom.js';

/** What a face is called among others of its photo. */
export const faceName = (number) => `Face ${number + 1}`;

/**
 * Draws faces into an overlay that lies exactly over the photo, in its pixels. `choose` makes the
 * boxes buttons.
 */
export function drawFaces(overlay, photo, faces, { chosen, choose } = {}) {
  const { width, height } = photo;
  overlay.setAttribute('viewBox', `0 0 ${width} ${height}`);
  const numbered = faces.length > 1 || choose;
  overlay.replaceChildren(...faces.map((face, number) => {
    const box = face.bounding_box;
    const [x, y] = [box.left * width, box.top * height];
    const [w, t] = [box.width * width, box.height * height];
    // Marks grow with the face, but stay legible on small ones.
    const unit = Math.max(Math.max(width, height) / 55, Math.min(w / 7, Math.max(width, height) / 28));
    const classes = number === chosen ? 'face chosen' : 'face';
    const group = svg('g', { class: classes },
      svg('rect', { class: 'box', x, y, width: w, height: t, rx: unit / 4 }),
      ...(face.landmarks ?? []).map((mark) => svg('circle', {
        class: 'mark', cx: mark.x * width, cy: mark.y * height, r: unit / 5,
      })));
    if (numbered) group.append(...tag(number + 1, x, Math.max(0, y - unit), unit));
    if (choose) {
      group.setAttribute('tabindex', 0);
      group.setAttribute('role', 'button');
      group.setAttribute('aria-label', faceName(number));
      group.setAttribute('aria-pressed', number === chosen);
      group.addEventListener('click', () => choose(number));
      group.addEventListener('keydown', (event) => {
        if (event.key === 'Enter' || event.key === ' ') {
          event.preventDefault();
          choose(number);
        }
      });
    }
    return group;
  }));
}

/** A face's number at the corner of its box. */
function tag(number, x, y, unit) {
  const label = svg('text', {
    class: 'number', x: x + unit * 0.55, y: y + unit * 0.76, 'font-size': unit * 0.75, 'text-anchor': 'middle',
  }, String(number));
  return [svg('rect', { class: 'tag', x, y, width: unit * 1.1, height: unit, rx: unit / 6 }), label];
}

/** The part of a photo around a face as a square picture. */
export function crop(photo, box, size = 224) {
  const canvas = h('canvas', { width: size, height: size, role: 'img', 'aria-label': 'The face' });
  const [w, t] = [box.width * photo.width, box.height * photo.height];
  const side = Math.max(w, t) * 1.35;
  const x = box.left * photo.width + w / 2 - side / 2;
  const y = box.top * photo.height + t / 2 - side / 2;
  canvas.getContext('2d').drawImage(photo.image, x, y, side, side, 0, 0, size, size);
  return canvas;
}
