package aria.s3batch.s3block;

final class TableLocksTest extends TableLocksContract {
    @Override
    ObjectStore bucket() {
        return new MemoryObjectStore();
    }
}
