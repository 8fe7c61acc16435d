// Small values that this browser keeps. A browser that keeps nothing (private mode, a policy) keeps them for the visit.

const memory = new Map()
const name = key => `shimmy.${key}`

export const settings = {
  get(key, otherwise = null) {
    try {
      const text = localStorage.getItem(name(key))
      return text === null ? memory.get(key) ?? otherwise : JSON.parse(text)
    } catch {
      return memory.get(key) ?? otherwise
    }
  },
  set(key, value) {
    memory.set(key, value)
    try {
      value === null ? localStorage.removeItem(name(key)) : localStorage.setItem(name(key), JSON.stringify(value))
    } catch {
      // There is no room: the new value lasts for the visit, and the old one must not come back.
      try { localStorage.removeItem(name(key)) } catch { /* The browser keeps nothing. */ }
    }
  },
}
