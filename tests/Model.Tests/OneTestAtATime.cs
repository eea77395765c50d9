// The count of live tensors and the default random generator belong to the whole process, and tests look at both.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
