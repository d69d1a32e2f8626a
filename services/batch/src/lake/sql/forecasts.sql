-- The stored forecasts whose bar lies in a trading date, typed. Errors are actual less forecast.
select
  cast((select max(trade_date) from the_date) as date) as trade_date,
  symbol,
  timeframe,
  cast(horizon as bigint) as horizon,
  model,
  cast(target as timestamp) as target,
  cast(madeFrom as timestamp) as made_from,
  cast(lastClose as double) as last_close,
  cast(forecast as double) as forecast,
  cast(bandLower as double) as band_lower,
  cast(bandUpper as double) as band_upper,
  cast(naive as double) as naive,
  cast(actual as double) as actual,
  cast(error as double) as error,
  cast(naiveError as double) as naive_error,
  cast(inBand as boolean) as in_band,
  status,
  timing,
  cast(createdAt as timestamp) as created_at,
  cast(scoredAt as timestamp) as scored_at,
  feed,
  _id as id
from raw_forecasts
order by symbol, timeframe, target, horizon, model
