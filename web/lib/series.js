// Figures of a sandbox over time: from its history, and from its live statistics. Nothing here draws or calls.

const GAP_FACTOR = 3; // points that are further apart than so many steps are not joined

// A point is {at (seconds), memory, held, cpu, throttled, disk, rx, tx, pids, memoryPressure, cpuPressure, ioPressure}.
// rx, tx: bytes a second.

// Of GET …/stats/history: what it does not have stays null.
export function pointsOfHistory(history) {
    let before = null;
    return history.points.map((point) => {
        const at = Date.parse(point.at) / 1000;
        const network = point.network ?? {};
        const step = before ? at - before.at : 0;
        const perSecond = (name) => (step > 0 && network[name] >= before[name] ? (network[name] - before[name]) / step : null);
        const made = {
            at,
            memory: point.memory?.max ?? null,
            held: null,
            cpu: point.cpu?.avg ?? null,
            disk: point.disk?.max ?? null,
            rx: perSecond("rx_bytes"),
            tx: perSecond("tx_bytes"),
            pids: point.pids?.max ?? null,
        };
        before = { at, ...network };
        return made;
    });
}

export function pointOfStats(stats) {
    return {
        at: Date.parse(stats.sampled_at) / 1000,
        memory: stats.memory.used_bytes,
        held: stats.memory.unreclaimable_bytes,
        cpu: stats.cpu.percent,
        throttled: stats.cpu.throttled_percent,
        disk: stats.disk.used_bytes,
        rx: stats.network.rx_bytes_per_second,
        tx: stats.network.tx_bytes_per_second,
        pids: stats.pids.current,
        memoryPressure: stats.pressure.memory_some_avg10,
        cpuPressure: stats.pressure.cpu_some_avg10,
        ioPressure: stats.pressure.io_some_avg10,
    };
}

// The points with a newer one, and without those that are older than `seconds`. A point that is there already is not new.
export function withPoint(points, point, seconds) {
    const last = points.at(-1);
    if (last && point.at <= last.at) return points;
    const from = point.at - seconds;
    return [...points.filter(({ at }) => at >= from), point];
}

/*
 * Columns for a chart: {times, of(name)}. step: the usual distance in seconds; where points are further apart an empty
 * one stands between them, so that no line is drawn across.
 */
export function columns(points, step) {
    const rows = [];
    for (const point of points) {
        const last = rows.at(-1);
        if (last && point.at - last.at > GAP_FACTOR * step) rows.push({ at: last.at + step });
        rows.push(point);
    }
    return { times: rows.map(({ at }) => at), of: (name) => rows.map((row) => row[name] ?? null) };
}
