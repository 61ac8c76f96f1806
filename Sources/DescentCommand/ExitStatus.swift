import ArgumentParser
import Descent
import DescentFiles
import DescentNN
import DescentTraining
import Foundation
import Safetensors

/// How the process ends; the numbers of sysexits.h where it has them.
enum ExitStatus {
  static let usage: Int32 = 64
  static let badData: Int32 = 65
  static let missingFile: Int32 = 66
  static let internalError: Int32 = 70
  static let nonFinite: Int32 = 75
  static let interrupted: Int32 = 130

  /// The exit status of an error.
  static func of(_ error: any Error) -> Int32 {
    switch error {
    case is RecipeError, is OptimizerError, is SettingErrors, is ModelError: usage
    case is MissingRecipe: missingFile
    case let error as DataError: error.isMissingFile ? missingFile : badData
    case let error as SafetensorsError:
      if case .unwritable = error {
        internalError
      } else {
        error.isMissingFile ? missingFile : badData
      }
    case let error as FileError:
      switch error {
      case .missing: missingFile
      case .unreadable: badData
      case .unwritable: internalError
      }
    case let error as RunError:
      switch error {
      case .notARun: missingFile
      case .occupied, .noFolder, .locked, .notALanguageModel, .finished: usage
      case .cannotWrite: internalError
      case .checkpointMismatch, .unusableCheckpoint, .cannotResume: badData
      case .nonFinite, .float16Overflow: nonFinite
      }
    default: internalError
    }
  }
}

/// Runs a command's work; an error goes to standard error, one plain sentence first, and its exit
/// status to the shell.
func reportingErrors(_ body: () throws -> Void) throws {
  do {
    try body()
    StandardOutput.endAfterFailure()
  } catch let error as ExitCode {
    throw error
  } catch let error as ValidationError {
    throw error
  } catch {
    writeError("Error: \(error)")
    throw ExitCode(ExitStatus.of(error))
  }
}
