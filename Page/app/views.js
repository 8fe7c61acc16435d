/** The views in the order of the navigation. A name is a module in app/views and the beginning of an address. */
export const views = [
  { name: "chat", title: "Chat", icon: "chat" },
  { name: "models", title: "Models", icon: "models" },
  { name: "now", title: "Now", icon: "pulse" },
  { name: "requests", title: "Requests", icon: "list" },
  { name: "keys", title: "Keys and usage", short: "Keys", icon: "key" },
  { name: "help", title: "Help", icon: "help" },
]
