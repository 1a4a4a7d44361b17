// What is wrong with the page as it is drawn, into the title of the page around it.
window.addEventListener('load', () => {
    const problems = [];
    const page = document.documentElement;
    if (page.scrollWidth > window.innerWidth) {
        const wide = [...document.body.querySelectorAll('*')].find((part) =>
            !part.closest('.table') && part.getBoundingClientRect().right > window.innerWidth + 1);
        problems.push('wider than the window by ' + (page.scrollWidth - window.innerWidth) + ': ' + (wide ? wide.tagName + ' ' + wide.className : 'unknown'));
    }
    for (const chart of document.querySelectorAll('svg.bars')) {
        const width = chart.getBoundingClientRect().width;
        const bars = [...chart.querySelectorAll('rect')];
        const labels = [...chart.querySelectorAll('text.label')];
        const values = [...chart.querySelectorAll('text.value')];
        bars.forEach((bar, nth) => {
            const box = bar.getBoundingClientRect();
            const said = parseFloat(bar.getAttribute('width')) * width / 100;
            if (Math.abs(box.width - said) > 1) problems.push('a bar of ' + box.width + ' instead of ' + said);
            if (labels[nth].getBoundingClientRect().bottom > box.top + 1) problems.push('a label on a bar: ' + labels[nth].firstChild.data);
            if (labels[nth].getBoundingClientRect().right > values[nth].getBoundingClientRect().left) problems.push('a label on a value: ' + labels[nth].firstChild.data);
        });
    }
    for (const chart of document.querySelectorAll('svg.columns')) {
        const frame = chart.getBoundingClientRect();
        const labels = [...chart.querySelectorAll('text')].map((label) => label.getBoundingClientRect());
        labels.forEach((box, nth) => {
            if (box.left < frame.left - 1 || box.right > frame.right + 1) problems.push('a label of a column outside the picture');
            if (nth && box.left < labels[nth - 1].right + 2) problems.push('a label of a column on another');
        });
    }
    for (const sample of document.querySelectorAll('.legend svg')) {
        const kind = sample.firstElementChild.getAttribute('class');
        const drawn = sample.closest('.legend').nextElementSibling.querySelector('.' + kind);
        const look = (part) => ['fill', 'stroke', 'strokeDasharray'].map((name) => getComputedStyle(part)[name]).join();
        if (!drawn || look(sample.firstElementChild) !== look(drawn)) problems.push('a legend unlike its chart: ' + kind);
    }
    const main = document.querySelector('main');
    if (main.innerText.length < 2000) problems.push('hardly any text');
    window.parent.document.title = 'MEASURED width ' + window.innerWidth + ', problems: ' + (problems.length ? problems.slice(0, 5).join('; ') : 'none');
});
