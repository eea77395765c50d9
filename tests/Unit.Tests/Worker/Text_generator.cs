namespace RnnLm.Tests;

public sealed class Text_generator
{
    private static readonly ModelSettings s_small = new(VocabularySize: 211, Dimension: 24, Layers: 2, PaddingId: 0);
    private static readonly int[][] s_prompts = [[1, 2], [7], [3, 9, 27, 81, 5, 15, 45], [1, 2], [200, 100]];

    /// <summary>
    /// Each two tokens are as likely but for a last bit of their weights, so that rounding decides which of them it is:
    /// rows of one batch give other texts.
    /// </summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1e-7)]
    public async Task A_text_is_the_same_whatever_is_generated_beside_it(double temperature)
    {
        var layout = ParameterLayout.For(s_small);
        using var parameters = Numbers.Uniform(layout.Length, 1, 3);
        var weights = layout.Segments.Single(segment => segment.Name == "fc.weight");
        for (int id = 2; id < s_small.VocabularySize; id += 2)
        {
            var even = parameters.Span.Slice(weights.Offset + (id * s_small.Dimension), s_small.Dimension);
            var odd = parameters.Span.Slice(weights.Offset + ((id - 1) * s_small.Dimension), s_small.Dimension);
            even.CopyTo(odd);
            (odd[0], odd[1]) = (MathF.BitIncrement(odd[0]), MathF.BitDecrement(odd[1]));
        }

        var bias = layout.Segments.Single(segment => segment.Name == "fc.bias");
        parameters.Span.Slice(bias.Offset, bias.Length).Clear();
        using var generator = new TextGenerator(s_small, parameters.Span);
        var sampler = new TokenSampler(temperature, topK: 0, seed: 3, topP: 0.95);
        int[] Text(int[] prompt) => [.. generator.Continue(prompt, sampler).Take(60)];

        int[][] alone = [.. s_prompts.Select(Text)];
        int[][] together = await Task.WhenAll(s_prompts.Select(prompt => Task.Run(() => Text(prompt))));
        Assert.Equal(alone, together);
        Assert.Equal(alone[0], alone[3]);
        Assert.True(alone.Select(text => string.Join(' ', text)).Distinct().Count() > 2);
    }

    /// <summary>A model that predicts the same after every text.</summary>
    [Fact]
    public void Texts_that_begin_otherwise_are_not_drawn_alike()
    {
        using var parameters = new FloatBuffer(ParameterLayout.For(s_small).Length);
        parameters.Span.Clear();
        using var generator = new TextGenerator(s_small, parameters.Span);
        var sampler = new TokenSampler(temperature: 1, topK: 0, seed: 3);
        int[][] texts = [.. s_prompts.Select(prompt => generator.Continue(prompt, sampler).Take(50).ToArray())];
        Assert.Equal(texts[0], texts[3]);
        for (int text = 1; text < 3; text++)
        {
            // By chance one in 210.
            Assert.InRange(texts[text].Zip(texts[0]).Count(pair => pair.First == pair.Second), 0, 5);
        }
    }

    [Fact]
    public void A_text_ends_before_the_end_token()
    {
        using var generator = Generator(s_small);
        var sampler = new TokenSampler(temperature: 1, topK: 0, seed: 3);
        int[] endless = [.. generator.Continue([1], sampler).Take(40)];
        int end = endless[20];
        Assert.Equal(endless.TakeWhile(id => id != end), generator.Continue([1], sampler, end));
    }

    [Fact]
    public void The_padding_token_is_never_drawn()
    {
        var settings = s_small with { VocabularySize = 3 };
        using var generator = Generator(settings);
        var drawn = generator.Continue([1], new TokenSampler(temperature: 5, topK: 0, seed: 1)).Take(200);
        Assert.Equal([1, 2], drawn.Distinct().Order());
    }

    /// <summary>The text is never read again: a token costs the same however long it is.</summary>
    [Fact]
    public void Each_token_is_read_once_and_the_last_not_at_all()
    {
        var cell = new CountedCell();
        Cells.Register(cell);
        using var generator = Generator(s_small with { Cell = cell.Declaration.Name, Layers = 1 });
        Assert.Equal(
            50, generator.Continue([1, 2, 3], new TokenSampler(temperature: 1, topK: 0, seed: 1)).Take(50).Count());
        Assert.Equal(3 + 49, cell.Calls);
    }

    [Fact]
    public void There_is_no_text_without_a_beginning()
    {
        using var generator = Generator(s_small);
        Assert.Throws<ArgumentOutOfRangeException>(
            () => generator.Continue([], new TokenSampler(temperature: 1, topK: 0, seed: 1)));
    }

    private static TextGenerator Generator(ModelSettings settings)
    {
        using var parameters = Numbers.Uniform(ParameterLayout.For(settings).Length, 1, 3);
        return new TextGenerator(settings, parameters.Span);
    }

    /// <summary>Adds what comes to its state, and counts how often.</summary>
    private sealed class CountedCell() : Cell(new CellDeclaration("counted", []))
    {
        public int Calls { get; private set; }

        public override nn.Module<Tensor, Tensor, Tensor> CreateModule(long inputs, long dimension) => new Unit(this);

        private sealed class Unit(CountedCell cell) : nn.Module<Tensor, Tensor, Tensor>(nameof(Unit))
        {
            public override Tensor forward(Tensor x, Tensor state)
            {
                cell.Calls++;
                return (x + state).tanh();
            }
        }
    }
}
