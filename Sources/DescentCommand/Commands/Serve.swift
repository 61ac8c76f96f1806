import ArgumentParser
import DescentServe
import DescentTraining
import Foundation
import Synchronization

/// `descent serve`
struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the runs of a folder in a browser, as they go on.",
    discussion: """
      The page lists the runs of the folder and of those within it, with their state. It can be \
      searched, by words or by keys of the recipes, and any choice of runs can be compared. Pages \
      follow the runs without being loaded again. Ctrl-C ends it.

        descent serve
        descent serve experiments --port 9000

      Only this machine can read the pages. On a server, use a tunnel:

        ssh -L 8080:localhost:8080 server

      /runs.json lists the runs for programs, and /run.json?path=gpt-1 has the numbers of one.
      """)

  @Argument(
    help: ArgumentHelp("The folder with the runs.", valueName: "folder"), completion: .directory)
  var folder = "runs"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The port (default: the first free one from 8080 on).", valueName: "port"))
  var port: Int?

  @Option(
    help: ArgumentHelp(
      "The address to serve at; 0.0.0.0 lets the whole network read the runs.",
      valueName: "address"))
  var host = "127.0.0.1"

  func run() throws {
    Interrupt.watch(beforeExit: Screen.restore)
    try reportingErrors {
      let site = try Site(folder: folder)
      let host = self.host == "localhost" ? "127.0.0.1" : self.host
      let ports = port.map { [$0] } ?? Array(8080...8179)
      let service = try waiting {
        try await HTTPService.start(host: host, ports: ports) { await site.answer($0) }
      }
      if !HTTPService.isLoopback(host) {
        writeError(
          "Warning: everyone who can reach \(host) on the network can read the runs in \(folder)")
      }
      output("the runs in \(folder): \(service.address)")
      output("Ctrl-C ends it")
      while !Interrupt.requested, StandardOutput.failure == nil, service.failure == nil {
        usleep(50_000)
      }
      try waiting { await service.stop() }
      if let failure = service.failure { throw failure }
    }
  }
}

/// Waits for what is asynchronous, on a thread that nothing asynchronous needs: the main thread.
private func waiting<Value: Sendable>(
  for work: @escaping @Sendable () async throws -> Value
) throws -> Value {
  let (result, done) = (Outcome<Value>(), DispatchSemaphore(value: 0))
  Task.detached {
    do {
      let value = try await work()
      result.value.withLock { $0 = .success(value) }
    } catch {
      result.value.withLock { $0 = .failure(error) }
    }
    done.signal()
  }
  done.wait()
  guard let value = result.value.withLock({ $0 }) else { throw CancellationError() }
  return try value.get()
}

private final class Outcome<Value: Sendable>: Sendable {
  let value = Mutex<Result<Value, any Error>?>(nil)
}
