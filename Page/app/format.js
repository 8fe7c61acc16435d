// Numbers and times as a person reads them.

export const language = valid(navigator.language)
const plain = new Intl.NumberFormat(language, { maximumFractionDigits: 1 })
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 })
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "long" })
const dash = "–"

/** Some browsers name the system's locale instead of a language, such as "C". */
function valid(language) {
  try { return Intl.getCanonicalLocales(language)[0] ?? "en" } catch { return "en" }
}

const known = value => typeof value === "number" && Number.isFinite(value)

export const count = value => known(value) ? whole.format(value) : dash
export const compact = value => known(value) ? short.format(value) : dash
export const percent = share => known(share) ? `${whole.format(share * 100)} %` : dash
export const rate = value => known(value) ? value >= 100 ? whole.format(value) : plain.format(value) : dash

/** Bytes in powers of 1000, as sizes of files are given by model hubs. */
export function bytes(value) {
  if (!known(value)) return dash
  const units = ["B", "kB", "MB", "GB", "TB"]
  let unit = 0
  while (Math.abs(value) >= 1000 && unit < units.length - 1) { value /= 1000; unit += 1 }
  return `${Math.abs(value) >= 100 || unit === 0 ? whole.format(value) : plain.format(value)} ${units[unit]}`
}

export function seconds(value) {
  if (!known(value)) return dash
  if (value < 0.0995) return `${whole.format(value * 1000)} ms`
  if (value < 60) return `${value < 10 ? value.toFixed(value < 1 ? 2 : 1) : whole.format(value)} s`
  const total = Math.round(value)
  if (total < 3600) return `${Math.floor(total / 60)} min ${total % 60} s`
  const minutes = Math.round(value / 60)
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

const date = value => value instanceof Date ? value : new Date(typeof value === "number" && value < 1e11 ? value * 1000 : value)

export function ago(value) {
  const gone = (date(value) - Date.now()) / 1000
  if (!known(gone)) return dash
  for (const [unit, size] of [["year", 31557600], ["month", 2629800], ["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(gone) >= size) return relative.format(Math.round(gone / size), unit)
  }
  return "just now"
}

export const moment = value => date(value).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" })
export const day = value => date(value).toLocaleDateString(language, { dateStyle: "medium" })
