/// The style of the page of `GET /docs`.
enum DocsStyle {
    static let css = ##"""
        :root {
          color-scheme: light dark;
          --ground: #fbfaf8; --card: #ffffff; --ink: #22252a; --quiet: #5d646e; --line: #e2e0db; --edge: #8b8f96; --accent: #2f5f8f;
          --code: #f1efea; --get: #2a6b4f; --post: #2f5f8f; --delete: #9a3b33;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --ground: #16181b; --card: #1d2024; --ink: #e4e5e7; --quiet: #a2a8b1; --line: #31353b; --edge: #6f7680; --accent: #8fb8e0;
            --code: #2a2e34; --get: #86c9a8; --post: #8fb8e0; --delete: #e39a92;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0 auto; max-width: 64rem; padding: 2.5rem 1.25rem 5rem; background: var(--ground); color: var(--ink);
          font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere;
        }
        h1 { margin: 0; font-size: 1.75rem; font-weight: 600; letter-spacing: -0.01em; }
        h2 { margin: 2.25rem 0 0.6rem; font-size: 1.1rem; font-weight: 600; }
        h3 { margin: 1.1rem 0 0.3rem; padding-top: 0.9rem; border-top: 1px solid var(--line); font-size: 0.95rem; font-weight: 600; }
        .inside > h3:first-child { margin-top: 0; border-top: 0; }
        p { margin: 0.5rem 0; }
        a { color: var(--accent); text-underline-offset: 0.15em; }
        code, .path, .name, .type, .media { font-family: ui-monospace, monospace; font-size: 0.875em; }
        code { padding: 0.1em 0.3em; border-radius: 0.25rem; background: var(--code); }
        #about { max-width: 45rem; }
        #found, #sections, .links, .note, .text, .about { color: var(--quiet); font-size: 0.9rem; }
        #sections { display: flex; flex-wrap: wrap; gap: 0.35rem 1.25rem; }
        .skip { position: absolute; left: -100rem; }
        .skip:focus { left: 1.25rem; top: 0.25rem; padding: 0.1rem 0.5rem; border-radius: 0.25rem; background: var(--card); }
        label { display: block; margin-top: 1.25rem; font-size: 0.9rem; }
        input {
          width: 100%; margin-top: 0.3rem; padding: 0.5rem 0.75rem; border: 1px solid var(--edge); border-radius: 0.5rem;
          background: var(--card); color: inherit; font: inherit;
        }
        ::placeholder { color: var(--quiet); opacity: 1; }
        :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
        main:focus { outline: none; }
        .routes { border: 1px solid var(--line); border-radius: 0.5rem; background: var(--card); overflow: clip; }
        .route { margin-top: -1px; border-top: 1px solid var(--line); }
        summary { cursor: pointer; list-style: none; }
        summary::-webkit-details-marker { display: none; }
        .route > summary::after, .chevron {
          content: ''; width: 0.4rem; height: 0.4rem; border: solid var(--quiet); border-width: 0 1.5px 1.5px 0; transform: rotate(-45deg);
        }
        [open] > summary::after, [open] > summary > .chevron { transform: rotate(45deg); }
        .route > summary {
          display: grid; grid-template-columns: 3.5rem minmax(0, 2fr) minmax(0, 3fr) auto; gap: 0 0.75rem; align-items: baseline;
          padding: 0.5rem 1rem; background: var(--card);
        }
        .route > summary:hover { background: var(--code); }
        .route > summary:focus-visible { outline-offset: -2px; }
        .route > summary::after { grid-column: 4; grid-row: 1; align-self: start; margin-top: 0.5rem; }
        .method { font-size: 0.75rem; font-weight: 600; letter-spacing: 0.03em; color: var(--quiet); white-space: nowrap; }
        .method.get { color: var(--get); }
        .method.post { color: var(--post); }
        .method.delete { color: var(--delete); }
        .path:last-child { grid-column: 2 / 4; }
        .route:not([open]) .about { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
        .inside { padding: 0 1rem 1rem; }
        .fields { list-style: none; margin: 0; padding: 0; }
        .fields .fields { margin-left: 0.2rem; padding-left: 0.9rem; border-left: 1px solid var(--line); }
        .fields li { padding: 0.22rem 0; }
        .chevron { display: inline-block; margin-left: 0.4rem; vertical-align: 0.15em; }
        .name { font-weight: 600; }
        .type, .media { color: var(--quiet); }
        .media { font-weight: 400; }
        .required { color: var(--accent); font-size: 0.8rem; }
        .text { display: block; max-width: 45rem; }
        .errors li { display: grid; grid-template-columns: 2.75rem minmax(0, 1fr); align-items: baseline; }
        [hidden] { display: none !important; }
        @media (max-width: 48rem) {
          body { padding: 1.75rem 1rem 4rem; }
          .route > summary { grid-template-columns: 3.25rem minmax(0, 1fr) auto; padding: 0.5rem 0.75rem; }
          .route > summary::after { grid-column: 3; }
          .path:last-child { grid-column: 2; }
          .about { grid-column: 2; }
          .inside { padding: 0 0.75rem 0.75rem; }
        }
        @media (min-height: 30rem) {
          html { scroll-padding-top: 4rem; }
          .route[open] > summary { position: sticky; top: 0; border-bottom: 1px solid var(--line); }
        }
        @media print {
          input, label, nav, .skip, .chevron, .route > summary::after { display: none; }
        }

        """##
}
