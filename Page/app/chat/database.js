// A database of IndexedDB. In a browser without it, its users keep their data in memory until the page closes.

/**
 * Returns the functions of a database: `open` returns it, or null where the browser has none; `run` does an action on some of its stores.
 * @param create makes the stores of a new database
 * @param failure the message where the browser cannot store something and does not say why
 */
export function database(name, create, failure) {
  let opened = null

  function open() {
    opened ??= new Promise(resolve => {
      try {
        const request = indexedDB.open(name, 1)
        request.onupgradeneeded = () => create(request.result)
        request.onsuccess = () => {
          request.result.onclose = () => { opened = null }
          request.result.onversionchange = () => { request.result.close(); opened = null }
          resolve(request.result)
        }
        request.onerror = request.onblocked = () => resolve(null)
      } catch { resolve(null) }
    })
    return opened
  }

  async function run(stores, mode, action) {
    const db = await open()
    if (db === null) return undefined
    return new Promise((resolve, reject) => {
      const transaction = db.transaction(stores, mode)
      const request = action(...stores.map(store => transaction.objectStore(store)))
      transaction.oncomplete = () => resolve(request?.result)
      transaction.onerror = transaction.onabort = () => reject(transaction.error ?? new Error(failure))
    })
  }

  return { open, run }
}
