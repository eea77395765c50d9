using System.Globalization;
using System.Text.Json;
using RnnLm.Shared;
using RnnLm.Storage;
using RnnLm.Worker;
using TorchSharp;

// LoadWeights RUN ID…: the logits of the token that follows these, one for each token of the vocabulary.
var run = RunDirectory.Open(args[0]);
var job = run.ReadConfig()["job"].Deserialize<Job>(JobFormat.JsonOptions)!;
using var model = new RnnLanguageModel(job.Model);
float[] parameters = new float[model.Layout.Length];
using (var weights = SafetensorsFile.Open(Path.Combine(run.Root, "final", "model.safetensors")))
{
    weights.ReadLayout(model.Layout, parameters);
}

FlatParameters.Load(model, model.Layout, parameters);
long[] ids = [.. args[1..].Select(id => long.Parse(id, CultureInfo.InvariantCulture))];
using var unrecorded = torch.no_grad();
using var logits = model.forward(torch.tensor(ids).unsqueeze(0))[0, -1];
Console.WriteLine(string.Join(' ', logits.data<float>().Select(x => x.ToString("R", CultureInfo.InvariantCulture))));
