// The texts whose contrast with what is behind them is below 4.5, or 3 for large ones: a line for each pair of colours.
(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const known = new Map();
    // Whatever a colour is written in, as red, green, blue and opacity.
    const colour = text => {
        if (!known.has(text)) {
            canvas.clearRect(0, 0, 1, 1);
            canvas.fillStyle = text;
            canvas.fillRect(0, 0, 1, 1);
            const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
            known.set(text, [red, green, blue, alpha / 255]);
        }
        return known.get(text);
    };
    const over = ([...front], back) => {
        const alpha = front.pop();
        return [...front.map((value, index) => value * alpha + back[index] * (1 - alpha)), 1];
    };
    const background = element => {
        if (!element) return colour('Canvas');
        const own = colour(getComputedStyle(element).backgroundColor);
        return own[3] === 1 ? own : over(own, background(element.parentElement));
    };
    const opacity = element => element ? getComputedStyle(element).opacity * opacity(element.parentElement) : 1;
    const luminance = ([...rgb]) => {
        const [red, green, blue] = rgb.map(value => {
            const share = value / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    // What a chart has painted under the middle of a text, if it is not the text itself.
    const painted = (element, box) => {
        const shapes = [...element.ownerSVGElement.querySelectorAll('rect')];
        const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
        const under = shapes.filter(shape => {
            const area = shape.getBoundingClientRect();
            const before = shape.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING;
            return before && area.left < x && x < area.right && area.top < y && y < area.bottom;
        }).at(-1);
        if (!under) return undefined;
        const { fill, fillOpacity, opacity } = getComputedStyle(under);
        const [red, green, blue, alpha] = fill === 'none' ? [0, 0, 0, 0] : colour(fill);
        return [red, green, blue, alpha * fillOpacity * opacity];
    };

    const found = new Map();
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
        const element = node.parentElement;
        if (!node.data.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
        // What cannot be used may be faint.
        if (element.closest(':disabled')) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const box = range.getBoundingClientRect();
        if (box.width === 0) continue;
        const style = getComputedStyle(element);
        const svg = element.ownerSVGElement;
        let back = background(svg ?? element);
        const shape = svg && painted(element, box);
        if (shape) back = over(shape, back);
        const [red, green, blue, alpha] = colour(svg ? style.fill : style.color);
        const front = over([red, green, blue, alpha * opacity(element)], back);
        const [dark, light] = [luminance(front.slice(0, 3)), luminance(back.slice(0, 3))].sort((a, b) => a - b);
        const contrast = (light + 0.05) / (dark + 0.05);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
        if (contrast < (large ? 3 : 4.5)) {
            const pair = `${front.map(Math.round)} on ${back.map(Math.round)}`;
            found.set(pair, `${contrast.toFixed(2)}: ${pair}, <${element.tagName} class=${element.getAttribute('class')}> ${node.data.trim().slice(0, 40)}`);
        }
    }
    return [...found.values()].slice(0, 20);
})()
