// Whose key is in use. It is kept for this tab only and ends with it.

const PLACE = 'likeness.key';

/** The key itself and what the server says of it. */
export const session = {
  key: sessionStorage.getItem(PLACE),
  /** What the calls from here on are for; the audit log keeps it with them. */
  purpose: '',
  /** Name, tenant, role, tier and defaults; none before the log-in. */
  about: null,

  keep(key, about) {
    sessionStorage.setItem(PLACE, key);
    this.key = key;
    this.about = about;
  },

  forget() {
    sessionStorage.removeItem(PLACE);
    this.key = null;
    this.about = null;
    this.purpose = '';
  },

  /** Whether the key may enrol and delete faces. */
  get writes() {
    return this.about !== null && this.about.role !== 'read';
  },

  /** Whether the key may create and delete collections. */
  get administers() {
    return this.about?.role === 'admin';
  },
};
