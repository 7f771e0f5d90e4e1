// What a similarity means: the pack's calibration, and a slider that says it in words.

import { OWN, call } from './api.js';
import { count, h, fill } from './dom.js';

let loaded = null;

/** The points of the server's calibration, asked for once; none where nobody measured the pack. */
export async function points() {
  loaded ??= call('GET', `${OWN}/operating-points`).then((answer) => answer.points);
  try {
    return await loaded;
  } catch (error) {
    loaded = null;
    throw error;
  }
}

/** Forgets them; another key may be of another server by now. */
export const forgetPoints = () => { loaded = null; };

/**
 * The false match rate at a similarity: between two points the logarithm of the rate is taken for
 * a straight line. Beyond the table only a bound is known.
 */
export function rateAt(table, similarity) {
  if (table.length === 0) return null;
  const [first, last] = [table[0], table.at(-1)];
  if (similarity < first.similarity) return { fmr: first.fmr, bound: 'above' };
  if (similarity > last.similarity) return { fmr: last.fmr, bound: 'below' };
  const next = table.findIndex((point) => point.similarity >= similarity);
  if (next === 0) return { fmr: first.fmr };
  const [a, b] = [table[next - 1], table[next]];
  const share = (similarity - a.similarity) / (b.similarity - a.similarity);
  const fmr = Math.exp(Math.log(a.fmr) + share * (Math.log(b.fmr) - Math.log(a.fmr)));
  return { fmr, extrapolated: b.extrapolated };
}

/** `1 in 14`, `1 in 900`: rarer rates were measured on a few pairs, and more digits would not be meant. */
function oneIn(fmr) {
  const every = 1 / fmr;
  return `1 in ${count(Number(every.toPrecision(every < 100 ? 2 : 1)))}`;
}

/** A rate in a few words, for the foot of a hit. */
export function shortRate(rate) {
  if (!rate) return '';
  const sign = { above: 'more than ', below: 'fewer than ' }[rate.bound] ?? '';
  return `${sign}${oneIn(rate.fmr)}`;
}

/** How likely a search of so many faces names somebody for a stranger. */
const searchRate = (fmr, faces) => -Math.expm1(faces * Math.log1p(-fmr));

/** What it means to call faces from this similarity on the same. */
export function meaning(table, similarity, faces) {
  const rate = rateAt(table, similarity);
  if (!rate) return ['Nobody measured how often the faces of different people reach a similarity with this server’s models.'];
  const sentences = [];
  if (rate.bound === 'above') {
    sentences.push(`More than ${oneIn(rate.fmr)} comparisons of two different people reaches this.`);
  } else if (rate.bound === 'below') {
    sentences.push(`Fewer than ${oneIn(rate.fmr)} comparisons of two different people reach this.`);
  } else {
    sentences.push(`About ${oneIn(rate.fmr)} comparisons of two different people reaches this`
      + `${rate.extrapolated ? ' (extrapolated from the measurement)' : ''}.`);
  }
  if (faces > 1 && !rate.bound) {
    const percent = searchRate(rate.fmr, faces) * 100;
    const shown = percent < 0.1 ? 'less than 0.1 %' : `${Number(percent.toPrecision(2))} %`;
    sentences.push(`Searching ${count(faces)} faces for a stranger: somebody is named in ${shown} of the searches.`);
  }
  return sentences;
}

/** A threshold as a slider. `input` is called while it moves, `change` once it rests. */
export class Threshold {
  constructor({ value, input, change }) {
    this.table = [];
    this.faces = 0;
    this.output = h('output', { for: 'threshold' });
    this.told = h('p', { class: 'meaning' });
    this.marks = h('div', { class: 'marks', 'aria-hidden': 'true' });
    this.slider = h('input', {
      id: 'threshold', type: 'range', min: 0, max: 1, step: 0.01, value,
      oninput: () => {
        this.#show();
        input?.(this.value);
      },
      onchange: () => change?.(this.value),
    });
    this.element = h('div', { class: 'threshold' },
      h('div', { class: 'line' }, h('label', { for: 'threshold' }, 'Same person from similarity'), this.output),
      this.slider, this.marks, this.told);
    this.#show();
    points().then((table) => {
      this.table = table;
      this.#mark();
      this.#show();
    }, () => {});
  }

  get value() {
    return Number(this.slider.value);
  }

  /** How many faces a search looks through. */
  setFaces(faces) {
    this.faces = faces;
    this.#show();
  }

  #show() {
    this.output.textContent = this.value.toFixed(2);
    const sentences = meaning(this.table, this.value, this.faces);
    fill(this.told, sentences.join(' '));
    this.slider.setAttribute('aria-valuetext', `${this.value.toFixed(2)}. ${sentences[0]}`);
  }

  /** One mark for every power of ten. */
  #mark() {
    const decades = this.table.filter((point) => Math.abs(Math.log10(point.fmr) % 1) < 1e-6);
    fill(this.marks, decades.map((point) => {
      const mark = h('span', {}, oneIn(point.fmr).replace(/,000,000$/, ' M').replace(/,000$/, ' k'));
      mark.style.setProperty('--at', point.similarity);
      return mark;
    }));
  }
}
