namespace RnnLm.Shared;

/// <summary>Process exit codes of the <c>rnnlm</c> command; docs/exit-codes.md has a section for each.</summary>
public enum ExitCode
{
    /// <summary>The command did what it was asked.</summary>
    Done = 0,

    /// <summary>The command line is wrong.</summary>
    Usage = 2,

    /// <summary>A file or value given by the user cannot be used.</summary>
    BadInput = 3,

    /// <summary>Workers or coordinator could not work together.</summary>
    Cluster = 4,

    /// <summary>Training met a loss or gradient that is not finite.</summary>
    Diverged = 5,

    /// <summary>A run directory or cache could not be read or written.</summary>
    Storage = 6,

    /// <summary>A defect of this program; a report says where.</summary>
    Defect = 70,

    /// <summary>Stopped by SIGHUP (the terminal was closed) after saving the last committed version.</summary>
    HungUp = 129,

    /// <summary>Stopped by SIGINT after saving the last committed version.</summary>
    Interrupted = 130,

    /// <summary>Stopped by SIGTERM after saving the last committed version.</summary>
    Terminated = 143,
}
