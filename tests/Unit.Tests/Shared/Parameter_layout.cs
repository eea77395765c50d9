namespace RnnLm.Tests;

public sealed class Parameter_layout
{
    [Fact]
    public void The_reference_model_has_8292619_parameters_under_the_names_of_its_state_dict()
    {
        var layout = ParameterLayout.For(new ModelSettings(32_011, 128, 2, 32_000));
        Assert.Equal(8_292_619, layout.Length);
        Assert.Equal(
            [
                "embedding.weight",
                "rnn.rnn_units.0.Uh", "rnn.rnn_units.0.Wh", "rnn.rnn_units.0.b",
                "rnn.rnn_units.1.Uh", "rnn.rnn_units.1.Wh", "rnn.rnn_units.1.b",
                "fc.weight", "fc.bias",
            ],
            layout.Segments.Select(segment => segment.Name));
    }

    [Fact]
    public void Segments_tile_the_buffer_and_are_found_by_their_role()
    {
        var layout = ParameterLayout.For(new ModelSettings(11, 4, 3, 0));
        int offset = 0;
        foreach (var segment in layout.Segments)
        {
            Assert.Equal(offset, segment.Offset);
            offset = segment.End;
        }

        Assert.Equal(layout.Length, offset);
        Assert.Equal("rnn.rnn_units.2.Uh", layout.OfCell(2, 0).Name);
        Assert.Equal("rnn.rnn_units.2.Wh", layout.OfCell(2, 1).Name);
        Assert.Equal("rnn.rnn_units.2.b", layout.OfCell(2, 2).Name);
        Assert.Equal([11, 4], layout.OutputWeight.Shape);
        Assert.Equal([11], layout.OutputBias.Shape);
    }
}
