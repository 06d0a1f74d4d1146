package aria.s3batch.daemon.service;

/** Who started the daemon as a service, and wants to know how it does. */
@FunctionalInterface
public interface ServiceManager {
    /**
     * @param state lines {@code NAME=VALUE}, see sd_notify(3)
     */
    void tell(String state);
}
