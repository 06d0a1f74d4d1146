package aria.s3batch.ops.powerloss;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.random.RandomGenerator;

/**
 * The names in a directory: those that processes see, those that are synced, and the changes since the
 * last sync of the directory. A power cut leaves any of these changes, whatever their order, but for two
 * rules: a rename is one change, so that the file has its old name or its new one; and a change is not
 * there without the name that a file got and was synced under before the change. POSIX does not give the
 * second, ext4, XFS and btrfs do, and RocksDB rests on it: it syncs a new manifest and renames CURRENT
 * before it syncs their directory.
 *
 * <p>Guarded by its {@link ForgetfulDisk}.
 */
final class ForgetfulFolder implements ForgetfulDisk.Node {
    /** What became of the unsynced changes to a directory. */
    private enum Fate {
        LOST,
        KEPT,
        /** Up to some moment since the last sync: a journaling file system. */
        UNTIL,
        ANY
    }

    private sealed interface Change {
        /**
         * @param node null: deleted
         */
        record Set(String name, ForgetfulDisk.@Nullable Node node) implements Change {}

        record Renamed(String from, String to, ForgetfulDisk.Node node) implements Change {}
    }

    private final TreeMap<String, ForgetfulDisk.Node> seen = new TreeMap<>();
    private final TreeMap<String, ForgetfulDisk.Node> synced = new TreeMap<>();
    private final List<Change> unsynced = new ArrayList<>();

    /** To each unsynced change, the first one that followed a sync of its file. */
    private final List<Integer> neededFrom = new ArrayList<>();

    Map<String, ForgetfulDisk.Node> names() {
        return seen;
    }

    void put(String name, ForgetfulDisk.Node node) {
        change(new Change.Set(name, node));
    }

    void remove(String name) {
        change(new Change.Set(name, null));
    }

    void rename(String from, String to, ForgetfulDisk.Node node) {
        change(new Change.Renamed(from, to, node));
    }

    private void change(Change change) {
        carryOut(change, seen);
        unsynced.add(change);
        neededFrom.add(Integer.MAX_VALUE);
    }

    /** A file in this directory was synced. */
    void fileSynced(ForgetfulFile file) {
        for (int i = 0; i < unsynced.size(); i++) {
            ForgetfulDisk.Node node =
                    switch (unsynced.get(i)) {
                        case Change.Set set -> set.node;
                        case Change.Renamed renamed -> renamed.node;
                    };
            if (node == file) {
                neededFrom.set(i, Math.min(neededFrom.get(i), unsynced.size()));
            }
        }
    }

    void sync() {
        synced.clear();
        synced.putAll(seen);
        unsynced.clear();
        neededFrom.clear();
    }

    /** A sync that failed: some of it is on disk, and what is not never will be. */
    void syncPartly(RandomGenerator chance) {
        Map<String, ForgetfulDisk.Node> left = afterCut(chance);
        synced.clear();
        synced.putAll(left);
        unsynced.clear();
        neededFrom.clear();
    }

    @Override
    public ForgetfulFolder survivor(RandomGenerator chance) {
        var survivor = new ForgetfulFolder();
        afterCut(chance).forEach((name, node) -> survivor.synced.put(name, node.survivor(chance)));
        survivor.seen.putAll(survivor.synced);
        return survivor;
    }

    private Map<String, ForgetfulDisk.Node> afterCut(RandomGenerator chance) {
        Fate fate = Fate.values()[chance.nextInt(Fate.values().length)];
        int until = chance.nextInt(unsynced.size() + 1);
        boolean[] kept = new boolean[unsynced.size()];
        int lastKept = -1;
        for (int i = 0; i < kept.length; i++) {
            kept[i] =
                    switch (fate) {
                        case LOST -> false;
                        case KEPT -> true;
                        case UNTIL -> i < until;
                        case ANY -> chance.nextBoolean();
                    };
            lastKept = kept[i] ? i : lastKept;
        }
        var left = new TreeMap<>(synced);
        for (int i = 0; i < kept.length; i++) {
            if (kept[i] || neededFrom.get(i) <= lastKept) {
                carryOut(unsynced.get(i), left);
            }
        }
        return left;
    }

    private static void carryOut(Change change, Map<String, ForgetfulDisk.Node> names) {
        switch (change) {
            case Change.Set set when set.node == null -> names.remove(set.name);
            case Change.Set set -> names.put(set.name, set.node);
            case Change.Renamed renamed -> {
                if (names.remove(renamed.from, renamed.node)) {
                    names.put(renamed.to, renamed.node);
                }
            }
        }
    }
}
