// Sets the chosen theme before the first paint. It is a plain script, because modules run after the document is parsed.
{
  let choice = null
  try { choice = localStorage.getItem("shimmy.theme") } catch { /* The browser keeps nothing for this page. */ }
  if (choice === "light" || choice === "dark") document.documentElement.dataset.theme = choice
}
