// The view of two photos side by side: how alike their largest faces are.

import { V2, call, form } from './api.js';
import { announce, busy, fill, h, note, purposeField } from './dom.js';
import { Threshold } from './operating.js';
import { session } from './session.js';
import { PhotoInput } from './upload.js';

export async function compareView(main, { signal }) {
  const verdict = h('div', { class: 'verdict' });
  let compared = null;
  const threshold = new Threshold({ value: session.about.default_threshold, input: () => compared && show() });
  const inputs = ['First photo', 'Second photo'].map((label) => new PhotoInput({ label, signal, onPhoto: () => compare() }));
  const [source, target] = inputs;

  const compare = async () => {
    compared = null;
    const pair = [source.photo, target.photo];
    // A photo may be replaced before its comparison is back.
    const current = () => pair[0] === source.photo && pair[1] === target.photo;
    inputs.forEach((input) => input.photo && input.draw([]));
    if (!source.photo || !target.photo) {
      fill(verdict, h('p', { class: 'quiet' }, 'Now the other photo.'));
      return;
    }
    fill(verdict, h('p', { class: 'quiet' }, 'Comparing…'));
    try {
      const body = form({ source_image: source.photo.file, target_image: target.photo.file, threshold: threshold.value });
      const answer = await busy(null, () => call('POST', `${V2}/faces:compare`, { form: body, signal }));
      if (!current()) return;
      compared = answer;
      source.draw([{ bounding_box: compared.source_face }]);
      target.draw([{ bounding_box: compared.target_face }]);
      show();
    } catch (error) {
      if (error.name !== 'AbortError' && current()) fill(verdict, note('error', error.told ?? error.message));
    }
  };
  // Whether it is a match follows from the similarity, so moving the threshold asks nobody.
  const show = () => {
    const same = compared.similarity >= threshold.value;
    const words = same ? 'Likely the same person' : 'Not taken for the same person';
    fill(verdict,
      h('p', { class: same ? 'figure good' : 'figure' }, compared.similarity.toFixed(3)),
      h('p', { class: same ? 'sign good' : 'sign' }, words),
      h('p', { class: 'quiet' }, 'A score, not a probability. Do not decide about a person on it alone.'));
    announce(`Similarity ${compared.similarity.toFixed(2)}: ${words}`);
  };

  fill(main,
    h('h1', { tabindex: -1 }, 'Compare'),
    h('p', { class: 'lead' }, 'The largest face of each photo, side by side. Nothing is stored.'),
    h('div', { class: 'side-by-side' }, source.element, target.element),
    h('div', { class: 'panel verdicts' }, verdict, h('div', {}, threshold.element, purposeField(session))));
  fill(verdict, h('p', { class: 'quiet' }, 'Two photos to compare, please.'));
}
