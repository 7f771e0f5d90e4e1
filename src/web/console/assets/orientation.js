// WebP photos that say in their EXIF how to be turned. The server obeys that; of browsers some do and
// some do not, so here they are turned by hand.

import { h } from './dom.js';

/** The entry of EXIF that holds the orientation, and its type: one number of 16 bits. */
const ORIENTATION = 0x0112;
const SHORT = 3;

/** What turns a picture of this width and height upright, by orientation. */
const TURNS = {
  2: (w) => [-1, 0, 0, 1, w, 0],
  3: (w, t) => [-1, 0, 0, -1, w, t],
  4: (w, t) => [1, 0, 0, -1, 0, t],
  5: () => [0, 1, 1, 0, 0, 0],
  6: (w, t) => [0, 1, -1, 0, t, 0],
  7: (w, t) => [0, -1, -1, 0, t, w],
  8: (w) => [0, -1, 1, 0, 0, w],
};

/** The bytes of a file without its orientation, and that; 1 where there is nothing to turn. */
export async function unturned(file) {
  const bytes = new DataView(await file.arrayBuffer());
  try {
    const place = placeOf(bytes);
    const orientation = place ? bytes.getUint16(place.at, place.little) : 1;
    if (!TURNS[orientation]) return { blob: file, orientation: 1 };
    bytes.setUint16(place.at, 1, place.little);
    return { blob: new Blob([bytes], { type: file.type }), orientation };
  } catch (error) {
    // Lengths that lead beyond the end: the file is shown as it is.
    if (error instanceof RangeError) return { blob: file, orientation: 1 };
    throw error;
  }
}

/** Where the orientation of a WebP file stands; nothing where there is none. */
function placeOf(bytes) {
  if (bytes.byteLength < 12 || word(bytes, 0) !== 'RIFF' || word(bytes, 8) !== 'WEBP') return null;
  for (let at = 12; at + 8 <= bytes.byteLength;) {
    const length = bytes.getUint32(at + 4, true);
    if (word(bytes, at) === 'EXIF') return placeInExif(bytes, at + 8);
    at += 8 + length + (length % 2);
  }
  return null;
}

function placeInExif(bytes, start) {
  const order = word(bytes, start).slice(0, 2);
  if (order !== 'II' && order !== 'MM') return null;
  const little = order === 'II';
  const entries = start + bytes.getUint32(start + 4, little);
  const count = bytes.getUint16(entries, little);
  for (let at = entries + 2; at < entries + 2 + count * 12; at += 12) {
    const isIt = bytes.getUint16(at, little) === ORIENTATION
      && bytes.getUint16(at + 2, little) === SHORT && bytes.getUint32(at + 4, little) === 1;
    if (isIt) return { at: at + 8, little };
  }
  return null;
}

const word = (bytes, at) => String.fromCharCode(...[0, 1, 2, 3].map((more) => bytes.getUint8(at + more)));

/** A picture turned as its orientation says, as bytes again. */
export async function turned(image, orientation) {
  const [w, t] = [image.naturalWidth, image.naturalHeight];
  const [width, height] = orientation >= 5 ? [t, w] : [w, t];
  const canvas = h('canvas', { width, height });
  const context = canvas.getContext('2d');
  context.setTransform(...TURNS[orientation](w, t));
  context.drawImage(image, 0, 0);
  return new Promise((resolve) => { canvas.toBlob(resolve, 'image/png'); });
}
