// The default random generator and the count of live tensors belong to the whole process, and tests look at both.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
