package io.expertlane.kernel.exchange;

/**
 * What a dispatch found out about its routing, to be used by later dispatches of the same routing at the same exchange: they exchange no
 * counts. Made by {@link HighThroughputCall#handle()}; the routing's memory must stay unchanged as long as the handle is used. All ranks
 * use handles of the same call. A handle serves as long as no rank joins again: see {@link HighThroughputExchange#clearMask}.
 */
public final class HighThroughputHandle {
    private final HighThroughputExchange exchange;
    private final HighThroughputLayout layout;
    private final int joins;

    HighThroughputHandle(final HighThroughputExchange exchange, final HighThroughputLayout layout) {
        this.exchange = exchange;
        this.joins = exchange.joins();
        this.layout = layout;
    }

    HighThroughputExchange exchange() {
        return exchange;
    }

    /** How many times a rank had joined again when the handle was made. */
    int joins() {
        return joins;
    }

    HighThroughputLayout layout() {
        return layout;
    }

    /** Rows that every dispatch with this handle receives. */
    public int receivedRows() {
        return layout.receivedRows();
    }
}
