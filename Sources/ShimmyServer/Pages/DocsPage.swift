/// The page of `GET /docs`. Its style and script are files of their own, so that the page needs no inline code.
enum DocsPage {
    static let html = ##"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>Shimmy: the API of this server</title>
        <link rel="icon" href="data:,">
        <link rel="stylesheet" href="/docs/style.css">
        <script src="/docs/script.js" defer></script>
        </head>
        <body>
        <a class="skip" href="#routes">Skip to the routes</a>
        <header>
        <h1>Shimmy</h1>
        <p id="about">The API of this server.</p>
        <p class="links"><a href="/openapi.json">OpenAPI document</a> <span id="version"></span></p>
        <label for="filter">Filter by path, field or description</label>
        <input id="filter" type="search" autocomplete="off" autocapitalize="none" spellcheck="false" placeholder="chat temperature">
        <p id="found" role="status" aria-live="polite"></p>
        <nav id="sections" aria-label="Sections"></nav>
        </header>
        <main id="routes" tabindex="-1">
        <p id="state" role="status"></p>
        <noscript><p>This page needs JavaScript. The document itself is at <a href="/openapi.json">/openapi.json</a>.</p></noscript>
        </main>
        </body>
        </html>

        """##
}
