// Elements, announcements and dialogs. Texts become text nodes and nothing else: no name of a
// person or collection can be read as markup.

/** An element with properties and children; `on…` properties are listeners, false ones left out. */
export function h(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'value') node.value = value;
    else node.setAttribute(key, value === true ? '' : value);
  }
  fill(node, ...children);
  return node;
}

/** An element of SVG. */
export function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** Replaces what is in a node. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child || child === 0));
  return node;
}

/** Says something to those who do not see that it appeared. */
export function announce(text) {
  const live = document.getElementById('live');
  // The same sentence twice is news too.
  live.textContent = live.textContent === text ? `${text}\u00a0` : text;
}

/** Shows that something is under way, and keeps its button from being pressed again. */
export async function busy(button, work) {
  const progress = document.getElementById('progress');
  progress.hidden = false;
  if (button) {
    button.disabled = true;
    button.setAttribute('aria-busy', 'true');
  }
  try {
    return await work();
  } finally {
    progress.hidden = true;
    if (button) {
      button.disabled = false;
      button.removeAttribute('aria-busy');
    }
  }
}

/** A message in the page; errors are read out at once. */
export function note(kind, ...children) {
  return h('p', { class: `note ${kind}`, role: kind === 'error' ? 'alert' : null }, ...children);
}

/** A labelled control. */
export function field(label, control, hint) {
  control.id ||= `field-${(field.count = (field.count ?? 0) + 1)}`;
  const told = hint && h('small', { id: `${control.id}-hint` }, hint);
  if (told) control.setAttribute('aria-describedby', told.id);
  return h('div', { class: 'field' }, h('label', { for: control.id }, label), control, told);
}

/** A field for what the calls from here on are for. */
export function purposeField(session) {
  const input = h('input', {
    id: 'purpose', maxlength: 200, autocomplete: 'off', placeholder: 'optional', value: session.purpose,
    oninput: () => { session.purpose = input.value.trim(); },
  });
  return field('Purpose', input, 'The audit log keeps it with what you do.');
}

/** Opens a dialog; resolves with the value it was closed with, empty when it was given up. */
export function dialog(title, build) {
  const box = h('dialog', { 'aria-label': title });
  const close = (value) => box.close(value);
  fill(box, h('h2', {}, title), build(close));
  document.body.append(box);
  box.showModal();
  return new Promise((resolve) => {
    box.addEventListener('close', () => {
      box.remove();
      resolve(box.returnValue);
    });
  });
}

/** Asks before something that cannot be undone. `typed` must be typed, where it is given. */
export async function confirmed(title, text, action, typed) {
  const answer = await dialog(title, (close) => {
    const go = h('button', { class: 'danger', value: 'yes', disabled: Boolean(typed) }, action);
    const name = typed && h('input', {
      autocomplete: 'off',
      spellcheck: 'false',
      oninput: (event) => { go.disabled = event.target.value !== typed; },
    });
    return h('form', { method: 'dialog' },
      h('p', {}, text),
      name && field(`Type ${typed} to confirm`, name),
      h('div', { class: 'actions' },
        h('button', { type: 'button', onclick: () => close('') }, 'Cancel'), go));
  });
  return answer === 'yes';
}

/** A number for people. */
export const count = (number) => new Intl.NumberFormat('en').format(number);

/** A word with its number: `1 face`, `2,000 faces`. */
export const counted = (number, word) => `${count(number)} ${word}${number === 1 ? '' : 's'}`;
