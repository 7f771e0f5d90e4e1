// A photo from the camera, where the browser has one and lets pages of this server use it.

import { dialog, h } from './dom.js';

/** Browsers give cameras to pages from the same machine, and over HTTPS. */
export const hasCamera = Boolean(navigator.mediaDevices?.getUserMedia);

/** Asks for a picture; none when people think better of it. */
export async function takePhoto() {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } } });
  } catch (error) {
    throw new Error(`The camera cannot be used: ${error.message}`);
  }
  let taken = null;
  const video = h('video', { autoplay: true, playsinline: true, 'aria-label': 'What the camera sees' });
  video.muted = true;
  video.srcObject = stream;
  try {
    await dialog('Take a photo', (close) => [
      video,
      h('div', { class: 'actions' },
        h('button', { type: 'button', onclick: () => close('') }, 'Cancel'),
        h('button', {
          type: 'button',
          class: 'primary',
          autofocus: true,
          onclick: async () => {
            taken = await frame(video);
            close('taken');
          },
        }, 'Take it')),
    ]);
  } finally {
    stream.getTracks().forEach((track) => track.stop());
  }
  return taken;
}

function frame(video) {
  const canvas = h('canvas', { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext('2d').drawImage(video, 0, 0);
  return new Promise((resolve) => {
    canvas.toBlob((blob) => resolve(blob && new File([blob], 'camera.jpg', { type: blob.type })), 'image/jpeg', 0.92);
  });
}
