-- The style of the page: light and dark, screen, phone and A4.  Blue and orange are
-- told apart by colour-blind people (Okabe and Ito 2008); nothing is said by colour alone.

CREATE FUNCTION kpicrm.html_style() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN $css$
:root { --ink: #1d2733; --soft: #5b6875; --paper: #ffffff; --line: #d7dde3; --tile: #f4f6f8; --bar: #0072b2; --minus: #d55e00; --mark: #1d2733; --heat: 0, 114, 178; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #9aa7b4; --paper: #14191f; --line: #36414c; --tile: #1d252d; --bar: #56b4e9; --minus: #e69f00; --mark: #e6ebf0; --heat: 86, 180, 233; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, "Hiragino Sans", "Noto Sans JP", "Noto Sans CJK JP", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2rem 0 0; border-top: 2px solid var(--line); padding-top: .75rem; } h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
header p, .question, .empty { color: var(--soft); margin: .1rem 0 .75rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .75rem; }
.tile { background: var(--tile); border-radius: .5rem; padding: .6rem .75rem; border-left: 4px solid var(--line); }
.tile h3 { margin: 0; font-weight: 500; color: var(--soft); } .tile .big { font-size: 1.5rem; margin: 0; font-weight: 600; } .tile .goal { margin: 0; font-size: .85rem; }
.tile.met, .tile.on_track { border-left-color: var(--bar); } .tile.at_risk, .tile.behind { border-left-color: var(--minus); }
.table { overflow-x: auto; margin: .5rem 0 1rem; } table { border-collapse: collapse; width: 100%; font-size: .85rem; }
caption { text-align: left; color: var(--soft); padding: .25rem 0; } th { text-align: left; font-weight: 600; border-bottom: 1px solid var(--line); padding: .25rem .5rem; vertical-align: bottom; min-width: 4rem; overflow-wrap: normal; } th.number, th.none { text-align: right; }
td { border-bottom: 1px solid var(--line); padding: .25rem .5rem; vertical-align: top; min-width: 3.5rem; overflow-wrap: break-word; } td:first-child { min-width: 6rem; } td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; } td.none { text-align: right; color: var(--soft); }
td.heat { background: rgba(var(--heat), calc(var(--share) * .6)); }
svg { display: block; margin: .5rem 0; } svg text { fill: var(--ink); font-size: 13px; } svg .value { text-anchor: end; } svg .middle { text-anchor: middle; }
svg .bar { fill: var(--bar); } svg .minus { fill: var(--minus); } svg .mark { stroke: var(--mark); stroke-width: 2; } svg .axis { stroke: var(--soft); stroke-width: 1; vector-effect: non-scaling-stroke; } svg .grid { stroke: var(--line); vector-effect: non-scaling-stroke; }
svg polyline { fill: none; stroke: var(--bar); stroke-width: 2; vector-effect: non-scaling-stroke; } svg .other { stroke: var(--minus); stroke-dasharray: 6 4; }
.legend, .note { font-size: 13px; margin: .25rem 0; } .legend span { margin-right: 1rem; white-space: nowrap; } .legend svg { display: inline-block; vertical-align: middle; margin: 0 .4rem 0 0; } .note { color: var(--soft); }
@media print { body { max-width: none; font-size: 11px; } section { break-inside: avoid-page; } h2 { break-after: avoid; } tr, .tile, svg { break-inside: avoid; } h3, .legend { break-after: avoid; } .note { font-size: 9px; break-before: avoid; } .table { overflow: visible; } table { font-size: 9px; } th, td, td:first-child { min-width: 0; padding: .15rem .2rem; } th { hyphens: auto; } }
@page { size: A4; margin: 14mm; }
$css$;
COMMENT ON FUNCTION kpicrm.html_style() IS
    'style sheet of report_html';
