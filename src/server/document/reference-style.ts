// The style of the reference page, light and dark.
// Knows nothing else; served as a file, so that no style stands in the page.

export const referenceStyle = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 90rem; margin: 0 auto; padding: 1rem; display: grid; gap: 0 2rem; grid-template-columns: minmax(14rem, 20rem) minmax(0, 1fr); }
header { grid-column: 1 / -1; }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow: auto; font-size: .875rem; }
nav h2 { font-size: 1rem; margin: 1rem 0 .25rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: .125rem 0; overflow-wrap: anywhere; }
a { color: light-dark(#0b57d0, #a8c7fa); text-decoration: none; }
a:hover, a:focus-visible { text-decoration: underline; }
h3 { overflow-wrap: anywhere; }
article { border-top: 1px solid light-dark(#d0d4da, #3c4148); padding: .5rem 0 1rem; }
article:target { outline: 2px solid light-dark(#0b57d0, #a8c7fa); outline-offset: 4px; }
b.get, b.post, b.delete, b.patch, b.put { text-transform: uppercase; font-size: .75em; }
b.get { color: light-dark(#146c2e, #81c995); }
b.post, b.put, b.patch { color: light-dark(#8a4b00, #fdc17a); }
b.delete { color: light-dark(#b3261e, #f2b8b5); }
pre { overflow: auto; background: light-dark(#f3f5f8, #1e2126); padding: .5rem .75rem; border-radius: .375rem; font-size: .8125rem; margin: .25rem 0; }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid light-dark(#d0d4da, #3c4148); padding: .25rem .5rem .25rem 0; vertical-align: top; }
td pre { background: none; padding: 0; }
summary { cursor: pointer; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; max-height: none; } }
`;
