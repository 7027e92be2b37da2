"""How a page looks: on a screen of any width, and on paper."""
STYLESHEET = '''
:root { color-scheme: light; --text: #222; --soft: #5f5f5f; --line: #d8d8d8; --tint: #f5f5f3; --accent: #0072b2; }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  color: var(--text); background: #fff; }
header, main, nav { max-width: 1180px; margin: 0 auto; padding: 0 16px; }
header { padding-top: 28px; overflow-x: clip; }
h1 { font-size: clamp(1.4rem, 4vw, 2rem); line-height: 1.2; margin: 0 0 12px; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; line-height: 1.25; margin: 0 0 8px; }
h3 { font-size: 1.05rem; margin: 20px 0 8px; overflow-wrap: anywhere; }
h4 { font-size: .95rem; margin: 14px 0 4px; overflow-wrap: anywhere; }
p { margin: 0 0 10px; max-width: 78ch; overflow-wrap: anywhere; }
a { color: var(--accent); }
.lead { font-size: 1.08rem; }
.note { border-left: 4px solid #e69f00; background: #fdf6e6; padding: 8px 12px; }
.strip { list-style: none; display: flex; flex-wrap: wrap; gap: 10px 26px; padding: 0; margin: 18px 0; }
.strip > li { position: relative; flex: 1 1 200px; background: var(--tint); border-top: 4px solid var(--accent);
  border-radius: 4px; padding: 8px 12px; min-width: 0; overflow-wrap: anywhere; }
.strip > li:not(:last-child)::after { content: "\\2192"; position: absolute; right: -21px; top: 40%;
  color: var(--soft); }
.strip span { display: block; color: var(--soft); font-size: .85rem; }
.strip ul { list-style: none; padding: 0; margin: 4px 0 0; font-size: .85rem; font-variant-numeric: tabular-nums; }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; padding-bottom: 12px; border-bottom: 1px solid var(--line);
  font-size: .9rem; }
section { padding: 26px 0 10px; border-bottom: 1px solid var(--line); }
.panels { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: flex-start; }
.panel { flex: 0 1 auto; min-width: min(100%, 160px); max-width: 100%; overflow-x: auto; }
.panel svg { display: block; width: 100%; height: auto; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 16px; padding: 0; margin: 0 0 8px;
  font-size: .85rem; }
.legend svg { width: 28px; height: 12px; margin-right: 6px; vertical-align: -1px; }
details { margin: 8px 0; } summary { cursor: pointer; color: var(--accent); font-size: .9rem; }
.files { font-size: .85rem; color: var(--soft); }
.scroll, pre { overflow-x: auto; max-width: 100%; }
pre { background: var(--tint); padding: 12px; font-size: .8rem; max-height: 60vh; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 12px 3px 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
article { margin: 0 0 26px; }
.slider { display: none; position: sticky; top: 0; z-index: 2; background: #fff; padding: 10px 0;
  border-bottom: 1px solid var(--line); }
.js .slider { display: block; }
.slider output { font-weight: 600; }
.slider input { display: block; width: min(100%, 460px); height: 32px; margin: 0; accent-color: var(--accent); }
.pairs { display: flex; flex-wrap: wrap; gap: 8px 20px; }
.pair { flex: 1 1 300px; max-width: 480px; display: grid; grid-template-columns: 1fr 1fr; gap: 2px 8px;
  align-content: start; min-width: 0; }
.pair .run { grid-column: 1 / -1; margin: 0; font-size: .85rem; color: var(--soft); }
.frames { display: contents; }
.js .frames { display: block; min-width: 0; }
.frame.empty { display: none; }
.js .frame { display: none; } .js .frame.on { display: block; }
figure { margin: 0; min-width: 0; }
figure img { display: block; width: 100%; height: auto; image-rendering: pixelated; border-radius: 2px; }
figcaption { font-size: .8rem; line-height: 1.3; color: var(--soft); font-variant-numeric: tabular-nums; }
figcaption b { display: block; color: var(--text); font-weight: 600; }
.none { margin: 0; aspect-ratio: 4 / 3; display: grid; place-items: center; background: var(--tint);
  color: var(--soft); font-size: .8rem; }
.scale { font-weight: 400; font-size: .8rem; color: var(--soft); margin-left: 8px; white-space: nowrap; }
.scale img { display: inline-block; width: 90px; height: 10px; vertical-align: 0; }
@media (max-width: 600px) {
  .strip { flex-direction: column; gap: 20px; }
  .strip > li { flex-basis: auto; }
  .strip > li:not(:last-child)::after { content: "\\2193"; right: auto; left: 50%; top: auto; bottom: -24px; }
}
@media print {
  body { font-size: 10pt; } nav, .slider, .files, .js .slider { display: none; }
  header, main { max-width: none; padding: 0; }
  section { break-inside: auto; } figure, .panel, .row, table { break-inside: avoid; }
  p { break-inside: avoid; } h2, h3, h4, h2 + p, .legend { break-after: avoid; } details { break-before: avoid; }
  .scroll, .panel, pre { overflow: visible; } pre { max-height: none; white-space: pre-wrap; }
  td, pre { overflow-wrap: anywhere; }
  .js .frame:not(.empty) { display: block; } .js .frame.empty { display: none; }
  .frames, .js .frames { display: contents; } .pairs { display: block; }
  .pair { max-width: none; grid-template-columns: repeat(6, 1fr); }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
'''
