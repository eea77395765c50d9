namespace RnnLm.Torch.Tests.DisposeScopes;

public class DisposeScopeTests
{
    [Fact]
    public void A_scope_disposes_what_was_made_inside_and_not_moved_out()
    {
        Tensor before = zeros(1);
        Tensor inside;
        Tensor moved;
        Tensor detached;
        using (DisposeScope outer = NewDisposeScope())
        {
            using (DisposeScope inner = NewDisposeScope())
            {
                inside = zeros(1);
                moved = zeros(1).MoveToOuterDisposeScope();
                detached = zeros(1).DetachFromDisposeScope();
                Assert.Equal((1, 1), (inner.DisposablesCount, outer.DisposablesCount));
                Assert.True(inner.Contains(inside));
            }

            Assert.Equal((true, false, false), (inside.IsInvalid, moved.IsInvalid, detached.IsInvalid));
        }

        Assert.Equal((true, false, false), (moved.IsInvalid, detached.IsInvalid, before.IsInvalid));
        before.Dispose();
        detached.Dispose();
    }

    [Fact]
    public void A_tensor_moved_out_of_the_outermost_scope_belongs_to_none()
    {
        Tensor kept;
        using (DisposeScope scope = NewDisposeScope())
        {
            (kept, _) = scope.MoveToOuter(zeros(1), zeros(1));
        }

        Assert.False(kept.IsInvalid);
        kept.Dispose();
    }

    [Fact]
    public void A_tensor_disposed_by_hand_leaves_its_scope()
    {
        using DisposeScope scope = NewDisposeScope();
        zeros(1).Dispose();
        Assert.Equal(0, scope.DisposablesCount);
        Tensor attached = zeros(1).DetachFromDisposeScope();
        scope.Attach(attached);
        scope.DisposeEverything();
        Assert.True(attached.IsInvalid);
    }

    [Fact]
    public void Each_thread_has_scopes_of_its_own()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor? other = null;
        var thread = new Thread(() => other = zeros(1));
        thread.Start();
        thread.Join();
        Assert.Equal(0, scope.DisposablesCount);
        Assert.False(scope.Contains(other!));
        other!.Dispose();
    }

    [Fact]
    public void Scopes_may_end_in_any_order()
    {
        DisposeScope outer = NewDisposeScope();
        DisposeScope inner = NewDisposeScope();
        outer.Dispose();
        Tensor made = zeros(1);
        Assert.True(inner.Contains(made));
        inner.Dispose();
        Assert.True(made.IsInvalid);
        using Tensor free = zeros(1);
        Assert.Equal(0, inner.DisposablesCount);
    }

    [Fact]
    public void A_parameter_takes_the_place_of_the_tensor_it_was_made_from()
    {
        using DisposeScope scope = NewDisposeScope();
        long before = Tensor.TotalCount;
        Tensor source = zeros(2);
        var parameter = nn.Parameter(source);
        Assert.True(source.IsInvalid);
        Assert.True(parameter.requires_grad);
        Assert.Equal((before + 1, 1), (Tensor.TotalCount, scope.DisposablesCount));
    }

    [Fact]
    public void Live_tensors_stay_level_over_a_thousand_training_steps()
    {
        manual_seed(3);
        using var embedding = nn.Embedding(11, 4);
        using var rnn = nn.RNN(4, 5, batchFirst: true);
        using var output = nn.Linear(5, 11);
        nn.Module[] modules = [embedding, rnn, output];
        using Tensor tokens = randint(0, 11, [3, 6]);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = Tensor.TotalCount;
        double first = 0;
        double last = 0;
        for (int step = 0; step < 1000; step++)
        {
            using (NewDisposeScope())
            {
                (Tensor states, _) = rnn.call(embedding.call(tokens.narrow(1, 0, 5)));
                Tensor logits = output.call(states).reshape(15, 11);
                Tensor loss = nn.functional.cross_entropy(logits, tokens.narrow(1, 1, 5).reshape(15));
                loss.backward();
                using (no_grad())
                {
                    foreach (var parameter in modules.SelectMany(module => module.parameters()))
                    {
                        parameter.sub_(parameter.grad! * 0.1);
                    }
                }

                foreach (nn.Module module in modules)
                {
                    module.zero_grad();
                }

                last = loss.ToDouble();
                first = step == 0 ? last : first;
            }

            Assert.Equal(before, Tensor.TotalCount);
        }

        Assert.True(last < first / 2, $"loss went from {first} to {last}");
    }

    [Fact]
    public void A_forgotten_tensor_is_freed_by_its_finaliser()
    {
        long before = Tensor.TotalCount;
        Forget();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.True(Tensor.TotalCount <= before);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static void Forget()
        {
            for (int i = 0; i < 10; i++)
            {
                zeros(2);
            }
        }
    }
}
