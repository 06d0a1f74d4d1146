package aria.s3batch.ops;

import java.util.ArrayDeque;

/** A program that takes all of its heap, in another thread than its first, and goes on without it. */
final class HeapEater {
    private HeapEater() {}

    public static void main(String[] arguments) throws InterruptedException {
        System.out.println("begun");
        var eaten = new ArrayDeque<byte[]>();
        var eater =
                new Thread(
                        () -> {
                            while (true) {
                                eaten.add(new byte[1 << 20]);
                            }
                        });
        eater.start();
        eater.join();
        System.out.println("went on with " + eaten.size() + " MiB taken");
    }
}
