-- How good the forecasts of the date were, beside "the price stays put". Skill: 1 - MSE / MSE of naive; above 0 is better.
-- Hit rate: of the forecasts that named a direction and whose price moved, the share with the right one.
select
  symbol,
  timeframe,
  horizon,
  model,
  count(*) as forecasts,
  count(*) filter (where status = 'scored') as scored,
  avg(abs(error)) filter (where status = 'scored') as mae,
  avg(abs(naive_error)) filter (where status = 'scored') as naive_mae,
  sqrt(avg(error * error) filter (where status = 'scored')) as rmse,
  1 - avg(error * error) filter (where status = 'scored')
    / nullif(avg(naive_error * naive_error) filter (where status = 'scored'), 0) as skill,
  avg(case when (forecast - last_close) * (actual - last_close) > 0 then 1e0 else 0e0 end)
    filter (where status = 'scored' and forecast <> last_close and actual <> last_close) as hit_rate,
  avg(case when in_band then 1e0 else 0e0 end) filter (where status = 'scored' and in_band is not null)
    as band_coverage
from trusted_forecasts
group by symbol, timeframe, horizon, model
order by symbol, timeframe, horizon, model
