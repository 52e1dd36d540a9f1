/* The dashboard: shows window.EXPERTLANE (data.js). Pages are fragments of the address: #/, #/series/..., #/roofline,
   #/compare/A/B, #/runs. */
(function () {
'use strict';
const data = window.EXPERTLANE;
const main = document.getElementById('main');
const keys = new Map(data.series.map((s, i) => [keyOf(s), i]));
let redraw = () => {};
let onKey = () => false;

/* ---- small helpers ---- */
function keyOf(s) { return [s.simulated ? 'simulated' : 'measured', s.name, s.params, s.metric, s.unit].join('|'); }
function h(tag, attributes, ...children) {
  const svg = tag === 'svg' || tag === 'path';
  const e = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith('on')) e.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) e.setAttribute(name, value === true ? '' : value);
  }
  e.append(...children.flat().filter(c => c !== null && c !== undefined && c !== false));
  return e;
}
function digits(v, n) { return v === 0 ? '0' : Number(v.toPrecision(n)).toLocaleString('en-US', {maximumSignificantDigits: n, useGrouping: true}); }
/* Times are shown in the unit that suits them, all else as it is. */
function scaleOf(unit, typical) {
  const m = /^(ns|us|ms|s)(\/op)?$/.exec(unit);
  if (!m) return {factor: 1, unit};
  const nanos = {ns: 1, us: 1e3, ms: 1e6, s: 1e9};
  const t = Math.abs(typical) * nanos[m[1]];
  const to = t >= 1e9 ? 's' : t >= 1e6 ? 'ms' : t >= 1e3 ? 'us' : 'ns';
  return {factor: nanos[m[1]] / nanos[to], unit: to + (m[2] || '')};
}
function show(v, unit) { if (v === null || v === undefined) return '–'; const s = scaleOf(unit, v); return digits(v * s.factor, 4) + ' ' + s.unit; }
function percent(share) { return (share > 0 ? '+' : share < 0 ? '−' : '') + digits(Math.abs(share) * 100, 3) + ' %'; }
function day(run) { return new Date(run.date * 1000).toISOString().slice(0, 10); }
function minute(run) { return new Date(run.date * 1000).toISOString().slice(0, 16).replace('T', ' ') + ' UTC'; }
function commit(run) { return run.commit ? run.commit.slice(0, 10) : 'no commit'; }
function latestOf(s) { for (let i = s.value.length - 1; i >= 0; i--) if (s.value[i] !== null) return i; return -1; }
function seriesLink(s) { return '#/series/' + encodeURIComponent(keyOf(s)); }
function compareLink(a, b) { return '#/compare/' + data.runs[a].id + '/' + data.runs[b].id; }
function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim(); }
function kindBadge(s) { return h('span', {class: 'badge ' + (s.simulated ? 'simulated' : 'measured')}, s.simulated ? 'simulated' : 'measured'); }
function better(s) { return s.better === 'lower' ? '▼ lower is better' : '▲ higher is better'; }
function verdict(c) {
  const rises = c.change > 0;
  return h('span', {class: c.verdict + ' size'}, (rises ? '▲ ' : '▼ ') + percent(c.change) + ' ', h('span', {class: 'verdict'}, c.verdict === 'slower' ? 'worse' : 'better'));
}
function metricNote(s) { return s.metric === 'time' || s.metric === 'model' ? '' : ' · ' + s.metric; }
function environmentDifferences(a, b) {
  const x = data.environments[a], y = data.environments[b];
  return Object.keys(x).filter(k => x[k] !== y[k]).map(k => k + ': ' + x[k] + ' → ' + y[k]);
}
function page(title, ...content) { document.title = title + ' · Expertlane'; main.replaceChildren(...content.flat().filter(Boolean)); }

/* ---- front page ---- */
function spark(s) {
  const points = [];
  const step = Math.max(1, Math.ceil(s.value.length / 150));
  let low = Infinity, high = -Infinity;
  for (const v of s.value) if (v !== null) { low = Math.min(low, v); high = Math.max(high, v); }
  let pen = false;
  for (let i = (s.value.length - 1) % step; i < s.value.length; i += step) {
    const v = s.value[i];
    if (v === null) { pen = false; continue; }
    const x = s.value.length < 2 ? 75 : i / (s.value.length - 1) * 150;
    points.push((pen ? 'L' : 'M') + x.toFixed(1) + ' ' + (high === low ? 15 : 28 - (v - low) / (high - low) * 26).toFixed(1));
    pen = true;
  }
  const from = digits(low, 3), to = digits(high, 3);
  return h('svg', {class: 'spark', viewBox: '0 0 150 30', preserveAspectRatio: 'none', role: 'img', 'aria-label': 'from ' + from + ' to ' + to + ' ' + s.unit}, h('path', {d: points.join('')}));
}
function changeItem(s, c) {
  const flag = c.flag === null ? null : data.flags[c.flag];
  const remarks = [];
  if (flag) remarks.push('known ' + flag.letter + ': ' + flag.reason);
  if (c.muted) remarks.push('muted: ' + c.muted);
  return h('li', {'data-series': keyOf(s)}, verdict(c),
    h('div', {}, h('a', {href: seriesLink(s)}, s.name), ' ', h('span', {class: 'quiet'}, s.params + metricNote(s)), ' ', kindBadge(s)),
    h('div', {class: 'detail'}, show(c.before, s.unit) + ' → ' + show(c.after, s.unit) + ' since ' + day(data.runs[c.run]) + ' · commits ' + commit(data.runs[c.previous]) + '..' + commit(data.runs[c.run]) + ' · ',
      h('a', {href: compareLink(c.previous, c.run)}, 'compare the two runs'), remarks.length ? ' · ' + remarks.join(' · ') : ''));
}
function allChanges() {
  const all = [];
  data.series.forEach(s => s.changes.forEach(c => all.push({s, c})));
  return all.sort((a, b) => Math.abs(b.c.change) - Math.abs(a.c.change));
}
function byName(a, b) { return (a.name + ' ' + a.params + ' ' + a.metric).localeCompare(b.name + ' ' + b.params + ' ' + b.metric, 'en', {numeric: true}); }
function seriesTable(title, unsorted, id) {
  if (!unsorted.length) return [];
  const list = [...unsorted].sort(byName);
  const simulated = list[0].simulated;
  const rows = list.map(s => {
    const i = latestOf(s);
    return h('tr', {class: simulated ? 'simulated' : null, 'data-text': (s.name + ' ' + s.params + ' ' + s.metric).toLowerCase()},
      h('td', {class: 'name'}, h('a', {href: seriesLink(s)}, s.name), h('span', {class: 'params'}, (s.params || 'no parameters') + metricNote(s))),
      h('td', {}, spark(s)),
      h('td', {class: 'number'}, show(s.value[i], s.unit)),
      h('td', {class: 'wide'}, better(s)),
      simulated ? null : h('td', {class: 'number wide'}, s.roof && s.roof[i] !== null ? digits(s.roof[i] * 100, 3) + ' %' : ''));
  });
  return [h('h2', {id}, title + ' ', kindBadge(list[0])),
    h('div', {class: 'scroll'}, h('table', {}, h('thead', {}, h('tr', {}, h('th', {scope: 'col'}, 'Series'), h('th', {scope: 'col'}, 'All runs'), h('th', {scope: 'col', class: 'number'}, 'Latest'),
      h('th', {scope: 'col', class: 'wide'}, 'Direction'), simulated ? null : h('th', {scope: 'col', class: 'number wide'}, 'Of roofline'))), h('tbody', {}, rows)))];
}
function overview() {
  const last = data.runs[data.runs.length - 1];
  const changes = allChanges();
  const news = changes.filter(x => x.c.news), old = changes.filter(x => !x.c.news);
  const sign = {red: '▲', amber: '◆', green: '✓'}[data.light.state];
  const parts = [h('h1', {}, 'Nights'),
    h('section', {class: 'light ' + data.light.state, 'aria-label': 'Traffic light: ' + data.light.state}, h('span', {class: 'sign', 'aria-hidden': 'true'}, sign),
      h('div', {}, h('strong', {id: 'light'}, data.light.text),
        h('span', {class: 'quiet'}, data.runs.length + ' runs, ' + data.series.length + ' series, latest ' + minute(last) + ', commit ' + commit(last) + (last.dirty ? ' with local changes' : '')),
        last.interrupted || last.failed.length ? h('div', {}, h('span', {class: 'badge warn'}, 'partial'), ' ' + (last.interrupted ? 'interrupted' : last.failed.join('; '))) : null))];
  parts.push(h('h2', {}, 'What changed in the latest runs'));
  parts.push(news.length ? h('ul', {class: 'changes', id: 'news'}, news.map(x => changeItem(x.s, x.c))) : h('p', {id: 'news'}, 'Nothing changed.'));
  if (old.length) {
    const list = h('details', {}, h('summary', {}, old.length + ' older, known or muted changes'));
    list.addEventListener('toggle', () => { if (list.open && list.children.length === 1) list.append(h('ul', {class: 'changes'}, old.map(x => changeItem(x.s, x.c)))); });
    parts.push(list);
  }
  const filter = h('input', {type: 'search', id: 'filter', placeholder: 'Filter series, such as dispatch tokens=128', 'aria-label': 'Filter series'});
  const shown = h('span', {class: 'quiet', 'aria-live': 'polite'});
  filter.addEventListener('input', () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    main.querySelectorAll('tr[data-text]').forEach(row => { row.hidden = !words.every(w => row.dataset.text.includes(w)); count += row.hidden ? 0 : 1; });
    shown.textContent = words.length ? count + ' shown' : '';
  });
  parts.push(h('div', {class: 'tools', style: 'margin-top:28px'}, filter, shown));
  parts.push(...seriesTable('Times and rates', data.series.filter(s => !s.simulated && s.metric !== 'allocation'), 'measured'));
  parts.push(...seriesTable('Allocation', data.series.filter(s => !s.simulated && s.metric === 'allocation'), 'allocation'));
  parts.push(...seriesTable('Modelled hardware', data.series.filter(s => s.simulated), 'simulated'));
  page('Overview', parts);
}

/* ---- a series ---- */
function gaps(times, values, breaks) {
  /* A night without a run is a gap too, and so is a change of the environment: a null between the runs. */
  const spaces = times.slice(1).map((t, i) => t - times[i]).sort((a, b) => a - b);
  const usual = spaces.length ? spaces[Math.floor(spaces.length / 2)] : 0;
  const xs = [], out = values.map(() => []), runs = [];
  times.forEach((t, i) => {
    if (i > 0 && (t - times[i - 1] > 1.8 * usual || breaks.has(i))) { xs.push((t + times[i - 1]) / 2); out.forEach(o => o.push(null)); runs.push(-1); }
    xs.push(t); values.forEach((v, k) => out[k].push(v ? v[i] : null)); runs.push(i);
  });
  return {xs, ys: out, runs};
}
function axis(extra) { return Object.assign({stroke: colour('quiet'), grid: {stroke: colour('line'), width: 1}, ticks: {stroke: colour('line'), width: 1}, font: '12px system-ui, "DejaVu Sans", sans-serif'}, extra); }
function chart(holder, s, select) {
  const scale = scaleOf(s.unit, s.value[latestOf(s)]);
  const scaled = list => list && list.map(v => v === null ? null : v * scale.factor);
  const line = colour(s.simulated ? 'simulated' : 'measured');
  const bands = [];
  data.runs.forEach((r, i) => { if (i > 0 && r.environment !== data.runs[i - 1].environment) bands.push(i); });
  const g = gaps(data.runs.map(r => r.date), [scaled(s.value), scaled(s.low), scaled(s.high)], new Set(s.simulated ? [] : bands));
  const [values, lows, highs] = g.ys;
  function background(u) {
    const c = u.ctx, top = u.bbox.top, height = u.bbox.height;
    c.save(); c.beginPath(); c.rect(u.bbox.left, top, u.bbox.width, height); c.clip();
    let start = data.runs[0].date, shaded = false;
    [...bands, -1].forEach(i => {
      const end = i < 0 ? u.scales.x.max : (data.runs[i].date + data.runs[i - 1].date) / 2;
      if (shaded) { c.fillStyle = colour('band'); const x = u.valToPos(start, 'x', true); c.fillRect(x, top, u.valToPos(end, 'x', true) - x, height); }
      if (i >= 0) { const x = u.valToPos(end, 'x', true); c.strokeStyle = colour('quiet'); c.setLineDash([2, 4]); c.beginPath(); c.moveTo(x, top); c.lineTo(x, top + height); c.stroke(); c.setLineDash([]); }
      start = end; shaded = !shaded;
    });
    c.restore();
  }
  function foreground(u) {
    const c = u.ctx, ratio = devicePixelRatio || 1, top = u.bbox.top, height = u.bbox.height;
    c.save(); c.beginPath(); c.rect(u.bbox.left - 6, 0, u.bbox.width + 12, top + height); c.clip();
    if (s.low) {
      c.strokeStyle = line; c.globalAlpha = .4; c.lineWidth = ratio;
      g.xs.forEach((x, i) => {
        if (values[i] === null) return;
        const px = u.valToPos(x, 'x', true);
        c.beginPath(); c.moveTo(px, u.valToPos(lows[i], 'y', true)); c.lineTo(px, u.valToPos(highs[i], 'y', true)); c.stroke();
      });
      c.globalAlpha = 1;
    }
    c.font = 'bold ' + 12 * ratio + 'px system-ui, "DejaVu Sans", sans-serif'; c.textAlign = 'center';
    s.changes.forEach(change => {
      const x = u.valToPos(data.runs[change.run].date, 'x', true);
      c.strokeStyle = colour(change.verdict); c.lineWidth = 1.5 * ratio; c.setLineDash([6 * ratio, 4 * ratio]);
      c.beginPath(); c.moveTo(x, top); c.lineTo(x, top + height); c.stroke(); c.setLineDash([]);
      c.lineWidth = 2 * ratio; level(u, change.from, change.previous, change.before); level(u, change.run, change.to, change.after);
      if (change.flag === null) { c.fillStyle = colour(change.verdict); c.fillText(change.change > 0 ? '▲' : '▼', x, top - 5 * ratio); }
    });
    data.flags.forEach((flag, i) => {
      if (!new RegExp(flag.series).test(s.name + (s.params ? ' ' + s.params : ''))) return;
      const t = Date.parse(flag.date + 'T12:00:00Z') / 1000;
      if (t < u.scales.x.min || t > u.scales.x.max) return;
      const x = u.valToPos(t, 'x', true), size = 16 * ratio;
      c.fillStyle = colour('text'); c.fillRect(x - size / 2, top - size - 2 * ratio, size, size); c.fillStyle = colour('page'); c.fillText(flag.letter, x, top - 6 * ratio);
    });
    c.restore();
    function level(plot, a, b, v) {
      const y = plot.valToPos(v * scale.factor, 'y', true);
      c.beginPath(); c.moveTo(plot.valToPos(data.runs[a].date, 'x', true), y); c.lineTo(plot.valToPos(data.runs[b].date, 'x', true), y); c.stroke();
    }
  }
  const few = data.runs.length <= 60;
  const plot = new uPlot({
    width: holder.clientWidth, height: Math.max(260, Math.min(380, holder.clientWidth * .5)), padding: [22, 12, 0, 0], legend: {show: false},
    scales: {x: {time: true}, y: {range: (u, low, high) => { const pad = (high - low) * .1 || Math.abs(high) * .05 || 1; return [low >= 0 ? Math.max(0, low - pad) : low - pad, high + pad]; }}},
    tzDate: t => uPlot.tzDate(new Date(t * 1e3), 'Etc/UTC'),
    axes: [axis({values: [[31536000, '{YYYY}'], [2419200, '{MMM}', '\n{YYYY}'], [86400, '{D} {MMM}', '\n{YYYY}'], [3600, '{HH}:{mm}', '\n{D} {MMM}']].map(r => [r[0], r[1], r[2] || null, null, null, null, null, null, 1])}), axis({size: 74, label: scale.unit, labelSize: 22, labelFont: '12px system-ui, sans-serif', values: (u, ticks) => ticks.map(v => v === null ? '' : v.toLocaleString('en-US', {maximumSignificantDigits: 6}))})],
    cursor: {x: true, y: false, points: {size: 8}, drag: {x: true, y: false}},
    series: [{}, {stroke: line, width: 1.5, dash: s.simulated ? [6, 4] : undefined, points: {show: true, size: few ? 6 : 3, stroke: line, fill: line}, spanGaps: false},
      {show: true, stroke: 'transparent', points: {show: false}}, {show: true, stroke: 'transparent', points: {show: false}}],
    hooks: {drawClear: [background], draw: [foreground], setCursor: [u => { if (u.cursor.idx !== null && u.cursor.idx !== undefined && g.runs[u.cursor.idx] >= 0 && u.cursor.left >= 0) select(g.runs[u.cursor.idx], false); }]},
  }, [g.xs, values, lows, highs], holder);
  return {
    resize() { plot.setSize({width: holder.clientWidth, height: Math.max(260, Math.min(380, holder.clientWidth * .5))}); },
    mark(run) { const left = plot.valToPos(data.runs[run].date, 'x'); plot.setCursor({left, top: 10}, false); },
  };
}
function percentileChart(holder, curves) {
  const xs = [...new Set(curves.flatMap(c => c.points.map(p => p[0])))].sort((a, b) => a - b);
  const names = ['measured', 'quiet'];
  const ys = curves.map(c => { const m = new Map(c.points.map(p => [p[0], p[1]])); return xs.map(x => m.has(x) ? m.get(x) : null); });
  const label = x => x >= 10 ? (100 * (1 - 1 / x)).toFixed(Math.max(0, Math.round(Math.log10(x)) - 2)) + ' %' : x === 1 ? '0 %' : '';
  const plot = new uPlot({
    width: holder.clientWidth, height: 280, legend: {show: false}, scales: {x: {time: false, distr: 3}}, cursor: {y: false},
    axes: [axis({label: 'percentile', labelSize: 22, values: (u, t) => t.map(x => x && Math.abs(Math.log10(x) - Math.round(Math.log10(x))) < 1e-6 ? label(x) : '')}), axis({size: 74, label: 'us', labelSize: 22})],
    series: [{}, ...curves.map((c, i) => ({stroke: colour(names[i]), width: 2, dash: i ? [6, 4] : undefined, spanGaps: true, points: {show: false}}))],
  }, [xs, ...ys], holder);
  return {resize() { plot.setSize({width: holder.clientWidth, height: 280}); }};
}
function commandBlock(text) {
  const button = h('button', {type: 'button', onclick: () => {
    const done = () => { button.textContent = 'Copied'; };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, () => { button.textContent = 'Select and copy'; });
    else { button.textContent = 'Select and copy'; }
  }}, 'Copy');
  return h('div', {class: 'command'}, h('pre', {tabindex: '0'}, text), button);
}
function seriesPage(key) {
  const index = keys.get(key);
  if (index === undefined) { page('Not here', h('h1', {}, 'No such series'), h('p', {}, key), h('p', {}, h('a', {href: '#/'}, 'Overview'))); return; }
  const s = data.series[index], last = latestOf(s);
  const holder = h('div', {class: 'chart', role: 'img', 'aria-label': 'Values of all runs'});
  const readout = h('div', {class: 'readout', id: 'readout', 'aria-live': 'polite'});
  let selected = last, plot = null;
  function select(run, mark) {
    selected = run;
    const r = data.runs[run];
    readout.replaceChildren(h('strong', {id: 'value'}, show(s.value[run], s.unit)), s.low && s.value[run] !== null ? ' forks ' + show(s.low[run], s.unit) + ' to ' + show(s.high[run], s.unit) : '',
      s.roof && s.roof[run] !== null ? ' · ' + digits(s.roof[run] * 100, 3) + ' % of roofline' : '',
      h('br'), minute(r) + ' · commit ' + commit(r) + (r.dirty ? ' with local changes' : '') + (r.interrupted || r.failed.length ? ' · partial' : '') + ' · ',
      run > 0 ? h('a', {href: compareLink(run - 1, run)}, 'compare with the run before') : '', run > 0 && run !== data.runs.length - 1 ? ' · ' : '', run !== data.runs.length - 1 ? h('a', {href: compareLink(run, data.runs.length - 1)}, 'with the latest') : '');
    if (mark && plot) plot.mark(run);
  }
  const facts = h('dl', {}, h('dt', {}, 'Unit'), h('dd', {}, s.unit + ', ' + better(s)));
  if (s.bytes) facts.append(h('dt', {}, 'Must move'), h('dd', {}, s.bytes.toLocaleString('en-US') + ' bytes an operation' + (s.moved ? ', moves ' + s.moved.toLocaleString('en-US') : '') + (rateOf(s, last) === null ? '' : ', ' + digits(rateOf(s, last), 4) + ' GB/s in the latest run')));
  if (s.roofline) {
    const ceilings = data.series.filter(x => !x.simulated && x.name === s.roofline && x.metric === 'time');
    facts.append(h('dt', {}, 'Roofline'), h('dd', {}, (s.roof && s.roof[last] !== null ? digits(s.roof[last] * 100, 3) + ' % of ' : ''), ceilings.length ? h('a', {href: seriesLink(ceilings[0])}, s.roofline) : s.roofline));
  }
  if (s.flame) facts.append(h('dt', {}, 'Flame graph'), h('dd', {}, h('a', {href: s.flame}, 'of the latest run that has one')));
  const siblings = data.series.filter(x => x !== s && x.simulated === s.simulated && x.name === s.name && x.params === s.params);
  if (siblings.length) facts.append(h('dt', {}, 'Also'), h('dd', {}, siblings.flatMap((x, i) => [i ? ', ' : '', h('a', {href: seriesLink(x)}, x.metric)])));
  const environments = [];
  data.runs.forEach((r, i) => { if (i > 0 && r.environment !== data.runs[i - 1].environment) environments.push(h('li', {}, day(r) + ': ' + environmentDifferences(data.runs[i - 1].environment, r.environment).join('; '))); });
  const flags = data.flags.filter(f => new RegExp(f.series).test(s.name + (s.params ? ' ' + s.params : '')));
  const curves = h('div', {class: 'chart', role: 'img', 'aria-label': 'Percentile curves'});
  page(s.name, h('h1', {}, s.name + ' '), h('p', {}, kindBadge(s), ' ', h('span', {class: 'quiet'}, (s.params || 'no parameters') + metricNote(s))), holder, readout, facts,
    s.changes.length ? [h('h2', {}, 'Changes'), h('ul', {class: 'changes'}, [...s.changes].reverse().map(c => changeItem(s, c)))] : h('p', {}, 'No change of level in ' + s.value.filter(v => v !== null).length + ' runs.'),
    flags.length ? [h('h2', {}, 'Known changes'), h('dl', {}, flags.flatMap(f => [h('dt', {}, f.letter + ' · ' + f.date), h('dd', {}, f.reason)]))] : null,
    environments.length ? [h('h2', {}, 'Changes of the environment'), h('p', {class: 'quiet'}, 'Shaded bands. ' + (s.simulated ? 'Simulated values do not depend on it.' : 'Levels are not compared across them.')), h('ul', {}, environments)] : null,
    s.curves ? [h('h2', {}, 'Latency percentiles'), h('p', {class: 'quiet'}, s.curves.map((c, i) => (i ? 'dashed: ' : 'line: ') + day(data.runs[c.run])).join(', ')), curves] : null,
    s.rerun ? [h('h2', {}, 'Measure it again'), commandBlock((data.runs[last].commit ? 'git switch --detach ' + commit(data.runs[last]) + '\n' : '') + s.rerun)] : null);
  plot = chart(holder, s, select);
  const percentiles = s.curves ? percentileChart(curves, s.curves) : null;
  select(last, false);
  redraw = again => { if (again) { seriesPage(key); } else { plot.resize(); if (percentiles) percentiles.resize(); } };
  onKey = e => {
    const step = e.key === 'ArrowLeft' ? -1 : e.key === 'ArrowRight' ? 1 : 0;
    if (step) { for (let i = selected + step; i >= 0 && i < s.value.length; i += step) if (s.value[i] !== null) { select(i, true); break; } return true; }
    const next = e.key === '[' ? index - 1 : e.key === ']' ? index + 1 : -1;
    if (next >= 0 && next < data.series.length) { location.hash = seriesLink(data.series[next]); return true; }
    return false;
  };
}

/* ---- roofline ---- */
function rateOf(s, run) {
  const nanos = {ns: 1, us: 1e3, ms: 1e6, s: 1e9}[s.unit.replace('/op', '')];
  return s.bytes && nanos && s.value[run] ? s.bytes / (s.value[run] * nanos) : null;
}
function rooflinePage() {
  const last = data.runs.length - 1;
  const list = data.series.filter(s => s.roof && s.roof[last] !== null && s.roof[last] !== undefined).sort((a, b) => b.roof[last] - a.roof[last]);
  const most = Math.max(1, ...list.map(s => s.roof[last]));
  page('Roofline', h('h1', {}, 'Roofline ', h('span', {class: 'badge measured'}, 'measured')),
    h('p', {class: 'quiet'}, 'Latest run, ' + minute(data.runs[last]) + ': the rate of the bytes that an operation must move, over the rate of its ceiling in the same run. The line is 100 %.'),
    list.length ? h('div', {class: 'scroll'}, h('table', {}, h('thead', {}, h('tr', {}, h('th', {scope: 'col'}, 'Series'), h('th', {scope: 'col', class: 'bars'}, 'Of its ceiling'), h('th', {scope: 'col', class: 'number'}, ''),
      h('th', {scope: 'col', class: 'number'}, 'GB/s'), h('th', {scope: 'col', class: 'number wide'}, 'Moved'), h('th', {scope: 'col', class: 'wide'}, 'Ceiling'))),
      h('tbody', {}, list.map(s => h('tr', {}, h('td', {class: 'name'}, h('a', {href: seriesLink(s)}, s.name), h('span', {class: 'params'}, s.params)),
        h('td', {class: 'bars'}, h('div', {class: 'track'}, h('div', {class: 'bar', style: 'width:' + (s.roof[last] / most * 100).toFixed(2) + '%'}), h('div', {class: 'full', style: 'left:' + (100 / most).toFixed(2) + '%'}))),
        h('td', {class: 'number'}, digits(s.roof[last] * 100, 3) + ' %'), h('td', {class: 'number'}, rateOf(s, last) === null ? '' : digits(rateOf(s, last), 4)),
        h('td', {class: 'number wide'}, s.moved && s.bytes ? digits(s.moved / s.bytes, 3) + '×' : ''), h('td', {class: 'wide'}, s.roofline)))))) : h('p', {}, 'No series of the latest run has a ceiling.'));
}

/* ---- two runs ---- */
function comparePage(a, b) {
  const ids = data.runs.map(r => r.id);
  const first = a ? ids.indexOf(a) : Math.max(0, ids.length - 2), second = b ? ids.indexOf(b) : ids.length - 1;
  if (first < 0 || second < 0) { page('Not here', h('h1', {}, 'No such run'), h('p', {}, first < 0 ? a : b)); return; }
  const choose = (label, chosen, go) => h('label', {}, label + ' ', h('select', {onchange: e => { location.hash = go(Number(e.target.value)); }}, data.runs.map((r, i) => h('option', {value: i, selected: i === chosen}, day(r) + ' ' + commit(r))).reverse()));
  const x = data.runs[first], y = data.runs[second];
  const differences = environmentDifferences(x.environment, y.environment);
  const forks = r => {
    if (r.p === null || r.q === null) return 'only in ' + (r.p === null ? 'the second' : 'the first');
    if (r.s.simulated) return r.p === r.q ? 'the same' : 'differs';
    if (!r.s.low) return '';
    return r.s.low[second] > r.s.high[first] || r.s.high[second] < r.s.low[first] ? 'ranges apart' : 'ranges overlap';
  };
  const table = (title, list) => {
    if (!list.length) return [];
    const rows = list.map(s => {
      const p = s.value[first], q = s.value[second];
      const change = p === null || q === null || p === undefined || q === undefined ? null : p === 0 ? (q === 0 ? 0 : null) : (q - p) / Math.abs(p);
      return {s, p, q, change};
    }).filter(r => r.p !== null || r.q !== null).sort((l, r) => Math.abs(r.change || 0) - Math.abs(l.change || 0));
    return [h('h2', {}, title + ' ', kindBadge(list[0])), h('div', {class: 'scroll'}, h('table', {}, h('thead', {}, h('tr', {}, ['Series', 'First', 'Second', 'Change', 'Forks'].map((t, i) => h('th', {scope: 'col', class: i > 0 && i < 4 ? 'number' : null}, t === 'Forks' && list[0].simulated ? '' : t)))),
      h('tbody', {}, rows.map(r => h('tr', {}, h('td', {class: 'name'}, h('a', {href: seriesLink(r.s)}, r.s.name), h('span', {class: 'params'}, r.s.params + metricNote(r.s))), h('td', {class: 'number'}, show(r.p, r.s.unit)), h('td', {class: 'number'}, show(r.q, r.s.unit)),
        h('td', {class: 'number'}, r.change === null ? '–' : percent(r.change), told(r) ? h('span', {class: (r.change < 0) === (r.s.better === 'lower') ? 'faster' : 'slower'}, (r.change < 0) === (r.s.better === 'lower') ? ' better' : ' worse') : ''), h('td', {}, forks(r)))))))];
  };
  const told = r => r.change && ['differs', 'ranges apart'].includes(forks(r));
  page('Compare', h('h1', {}, 'Two runs'), h('div', {class: 'tools'}, choose('First', first, i => compareLink(i, second)), choose('Second', second, i => compareLink(first, i))),
    h('p', {class: 'quiet'}, 'Commits ' + commit(x) + '..' + commit(y) + '. A single pair of runs says little: whether a change is more than chance is told by'), commandBlock('bench/bin/expertlane compare ' + x.id + ' ' + y.id),
    differences.length ? [h('h2', {}, 'Measured on different environments'), h('p', {id: 'environments'}, 'Measurements are not compared. ' + differences.join('; '))] : table('Measured', data.series.filter(s => !s.simulated)),
    table('Simulated', data.series.filter(s => s.simulated)));
}

/* ---- all runs ---- */
function runsPage() {
  page('Runs', h('h1', {}, 'Runs'), h('div', {class: 'scroll'}, h('table', {}, h('thead', {}, h('tr', {}, ['Run', 'Commit', 'Preset', 'State', 'Environment'].map(t => h('th', {scope: 'col'}, t)))),
    h('tbody', {}, data.runs.map((r, i) => h('tr', {}, h('td', {}, minute(r)), h('td', {}, i > 0 ? h('a', {href: compareLink(i - 1, i)}, commit(r)) : commit(r)), h('td', {}, r.preset), h('td', {}, r.interrupted ? 'interrupted' : r.failed.length ? r.failed.length + ' failed' : 'complete'),
      h('td', {}, i > 0 && data.runs[i - 1].environment !== r.environment ? environmentDifferences(data.runs[i - 1].environment, r.environment).join('; ') : i > 0 ? 'as before' : Object.entries(data.environments[r.environment]).map(e => e[0] + ': ' + e[1]).join('; ')))).reverse()))));
}

/* ---- pages, keys, theme ---- */
function route(focus) {
  redraw = () => {}; onKey = () => false;
  const parts = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  document.querySelectorAll('header nav a').forEach(a => { if (a.getAttribute('href') === '#/' + parts[0]) a.setAttribute('aria-current', 'page'); else a.removeAttribute('aria-current'); });
  if (parts[0] === 'series') seriesPage(parts.slice(1).join('/'));
  else if (parts[0] === 'compare') comparePage(parts[1], parts[2]);
  else if (parts[0] === 'roofline') rooflinePage();
  else if (parts[0] === 'runs') runsPage();
  else overview();
  if (focus) { window.scrollTo(0, 0); main.focus({preventScroll: true}); }
}
function setTheme(name) { document.documentElement.dataset.theme = name; document.getElementById('theme').textContent = name === 'dark' ? 'Light' : 'Dark'; }
let stored = null;
try { stored = localStorage.getItem('expertlane-theme'); } catch (e) { /* a file opened without storage follows the system */ }
setTheme(stored || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'));
document.getElementById('theme').addEventListener('click', () => {
  const name = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  setTheme(name);
  try { localStorage.setItem('expertlane-theme', name); } catch (e) { /* not kept */ }
  redraw(true);
});
addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) { if (e.key === 'Escape') e.target.blur(); return; }
  const filter = document.getElementById('filter');
  if (e.key === '/' && filter) { filter.focus(); e.preventDefault(); } else if (e.key === 'h') { location.hash = '#/'; } else if (onKey(e)) e.preventDefault();
});
addEventListener('hashchange', () => route(true));
let timer = 0;
addEventListener('resize', () => { clearTimeout(timer); timer = setTimeout(() => redraw(false), 100); });
route(false);
}());
