// Each test starts processes that use every core: more tests at a time would only wait for each other.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]
