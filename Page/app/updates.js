// The updates of the server: one event stream, or a request per second for the engine to a server without it. Nothing is asked while the page is hidden.

const first = 500
const longest = 15000

export class Updates {
  #app
  #receive
  #changed
  #stop = null
  #paused = false

  /** - receive: gets each state as the server sends it. - changed: gets "live", "paused", "lost" or an error that ends the updates. */
  constructor(app, receive, changed) {
    this.#app = app
    this.#receive = receive
    this.#changed = changed
    document.addEventListener("visibilitychange", () => this.#turn(), { signal: app.signal })
    app.signal.addEventListener("abort", () => this.#stop?.abort())
    this.#turn()
  }

  get paused() { return this.#paused }
  set paused(value) { this.#paused = value; this.#turn() }

  #turn() {
    const wanted = !this.#paused && !document.hidden && !this.#app.signal.aborted
    if (!wanted) {
      this.#stop?.abort()
      this.#stop = null
      if (this.#paused) this.#changed("paused")
    } else if (this.#stop === null) {
      this.#stop = new AbortController()
      this.#run(this.#stop.signal)
    }
  }

  async #run(signal) {
    let wait = first, streams = true
    while (!signal.aborted) {
      try {
        if (streams) await this.#listen(signal, () => { wait = first })
        else {
          this.#take(await this.#app.api.json("v1/engine", { signal }))
          await pause(1000, signal)
          continue
        }
      } catch (error) {
        if (signal.aborted || error.aborted) return
        if (error.status === 404 && streams) { streams = false; continue }
        if (error.status === 401 || error.status === 403 || error.status === 404) return this.#changed(error)
      }
      if (signal.aborted) return
      this.#changed("lost")
      await pause(wait, signal)
      wait = Math.min(longest, wait * 2)
    }
  }

  async #listen(signal, received) {
    for await (const event of this.#app.api.stream("admin/events", { signal })) {
      if (event.data === null || typeof event.data !== "object") continue
      received()
      this.#take(event.data, event.event)
    }
  }

  #take(data, name) {
    this.#changed("live")
    this.#receive(data, name)
  }
}

const pause = (time, signal) => new Promise(resolve => {
  const timer = setTimeout(resolve, time)
  signal.addEventListener("abort", () => { clearTimeout(timer); resolve() }, { once: true })
})
