package io.expertlane.nic.device;

import io.expertlane.nic.profile.PcieProfile;

/**
 * The PCI Express links of all NICs, by rank: each direction carries one transfer after the other. Latencies of single
 * transfers are parts of the NIC's own latencies; here is only what limits the rate.
 */
final class PcieLinks {
    private static final int FRACTION_BITS = 16;

    private final long[] readFree;
    private final long[] writeFree;
    private final long picosPerByte;
    private final int packetShift;
    private final long picosPerReadPacket;
    private final long picosPerWritePacket;
    private final int requestShift;
    private final long picosPerRequest;

    PcieLinks(final int ranks, final PcieProfile profile) {
        readFree = new long[ranks];
        writeFree = new long[ranks];
        final double picosPerRawByte = Byte.SIZE * 1e3 / profile.rawGbps();
        picosPerByte = fixed(picosPerRawByte * profile.dllpFactor());
        picosPerReadPacket = fixed(picosPerRawByte * profile.readHeaderBytes());
        picosPerWritePacket = fixed(picosPerRawByte * profile.writeHeaderBytes());
        requestShift = Integer.numberOfTrailingZeros(profile.maxReadRequestBytes());
        picosPerRequest = Math.round(picosPerRawByte * profile.requestBytes());
        packetShift = Integer.numberOfTrailingZeros(profile.maxPayloadBytes());
    }

    private static long fixed(final double picos) {
        return Math.round(picos * (1 << FRACTION_BITS));
    }

    /** The NIC reads {@code bytes} from {@code timePicos} on; gives when the last of them is there. */
    long read(final int rank, final long bytes, final long timePicos) {
        final long end = Math.max(readFree[rank], timePicos) + picos(bytes, picosPerReadPacket);
        readFree[rank] = end;
        // The requests go where writes go.
        writeFree[rank] = Math.max(writeFree[rank], timePicos)
            + (bytes + (1L << requestShift) - 1 >> requestShift) * picosPerRequest;
        return end;
    }

    /** The NIC writes {@code bytes} from {@code timePicos} on; gives when the last of them has left. */
    long write(final int rank, final long bytes, final long timePicos) {
        final long end = Math.max(writeFree[rank], timePicos) + picos(bytes, picosPerWritePacket);
        writeFree[rank] = end;
        return end;
    }

    private long picos(final long bytes, final long picosPerPacket) {
        final long packets = bytes + (1L << packetShift) - 1 >> packetShift;
        return bytes * picosPerByte + packets * picosPerPacket >> FRACTION_BITS;
    }

    void copyFrom(final PcieLinks other) {
        System.arraycopy(other.readFree, 0, readFree, 0, readFree.length);
        System.arraycopy(other.writeFree, 0, writeFree, 0, writeFree.length);
    }
}
