/// The style of the page of `GET /docs`.
enum DocsStyle {
    static let css = ##"""
        :root {
          color-scheme: light dark;
          --ground: #fbfaf8; --card: #ffffff; --ink: #22252a; --quiet: #5d646e; --line: #e2e0db; --accent: #2f5f8f; --code: #f1efea;
          --get: #2a6b4f; --post: #2f5f8f; --delete: #9a3b33;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --ground: #16181b; --card: #1d2024; --ink: #e4e5e7; --quiet: #a2a8b1; --line: #31353b; --accent: #8fb8e0; --code: #262a2f;
            --get: #86c9a8; --post: #8fb8e0; --delete: #e39a92;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0 auto; max-width: 60rem; padding: 2.5rem 1.25rem 5rem; background: var(--ground); color: var(--ink);
          font: 1rem/1.55 system-ui, sans-serif;
        }
        h1 { margin: 0; font-size: 1.75rem; font-weight: 600; letter-spacing: -0.01em; }
        h2 { margin: 2.5rem 0 0.75rem; font-size: 1.05rem; font-weight: 600; color: var(--quiet); }
        h3 { margin: 1.25rem 0 0.4rem; font-size: 0.9rem; font-weight: 600; color: var(--quiet); }
        p { margin: 0.5rem 0; }
        a { color: var(--accent); }
        code, .path, .type { font-family: ui-monospace, monospace; font-size: 0.875em; }
        .links, #found, .note { color: var(--quiet); font-size: 0.9rem; }
        .skip { position: absolute; left: -100rem; }
        .skip:focus { left: 1rem; top: 0.5rem; background: var(--card); padding: 0.25rem 0.75rem; }
        label { display: block; margin-top: 1.25rem; font-size: 0.9rem; color: var(--quiet); }
        input {
          width: 100%; margin-top: 0.25rem; padding: 0.55rem 0.75rem; border: 1px solid var(--line); border-radius: 0.5rem;
          background: var(--card); color: inherit; font: inherit;
        }
        :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
        main:focus { outline: none; }
        details.route { margin: 0.4rem 0; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--card); }
        summary { display: flex; gap: 0.75rem; align-items: baseline; padding: 0.55rem 0.9rem; border-radius: 0.5rem; cursor: pointer; }
        summary::-webkit-details-marker { display: none; }
        .method { flex: 0 0 4rem; font-size: 0.75rem; font-weight: 600; letter-spacing: 0.04em; color: var(--quiet); }
        .method.get { color: var(--get); }
        .method.post { color: var(--post); }
        .method.delete { color: var(--delete); }
        .path { overflow-wrap: anywhere; }
        .inside { padding: 0 0.9rem 0.9rem; }
        ul.fields { list-style: none; margin: 0; padding: 0; }
        ul.fields ul.fields { margin-left: 0.35rem; padding-left: 0.9rem; border-left: 1px solid var(--line); }
        ul.fields > li { padding: 0.2rem 0; }
        .name { font-family: ui-monospace, monospace; font-size: 0.875em; overflow-wrap: anywhere; }
        .type { color: var(--quiet); }
        .required { color: var(--accent); font-size: 0.8rem; }
        .text { display: block; color: var(--quiet); font-size: 0.9rem; overflow-wrap: anywhere; }
        code { padding: 0.1em 0.35em; border-radius: 0.25rem; background: var(--code); }
        [hidden] { display: none; }
        @media print { details.route { break-inside: avoid; } input, label { display: none; } }

        """##
}
